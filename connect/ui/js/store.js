// A value that views read and are drawn anew for.
import { useLayoutEffect, useState } from "./vendor/htm-preact.js";

export function createStore(value) {
  const heard = new Set();
  return {
    get: () => value,
    set(next) {
      if (next === value) return;
      value = next;
      for (const hear of [...heard]) hear(value);
    },
    subscribe(hear) {
      heard.add(hear);
      return () => heard.delete(hear);
    },
  };
}

/** What a store holds, or what `pick` takes of it; the view is drawn anew where that is another value. */
export function useStore(store, pick = (value) => value) {
  const picked = pick(store.get());
  const [, draw] = useState(0);
  useLayoutEffect(() => {
    let last = pick(store.get());
    if (last !== picked) draw((n) => n + 1);
    return store.subscribe((value) => {
      const next = pick(value);
      if (next === last) return;
      last = next;
      draw((n) => n + 1);
    });
  }, [store]);
  return picked;
}
