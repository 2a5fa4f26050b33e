// What a view asks the worker for, with its failure: what did not come is an error, and never an empty list.
import { useCallback, useEffect, useRef, useState } from "../vendor/htm-preact.js";
import { onReturn } from "../live.js";

/**
 * Ask when the view appears, when `keys` change, every `everyMs`, and what failed once more when the connection is back.
 * `ask` is given an AbortSignal.
 * Returns `{data, failure, at, reload}`: data of before stays beside a failure, and `at` says how old it is.
 */
export function useLoaded(ask, keys = [], everyMs = 0) {
  const [state, setState] = useState({ data: undefined, failure: null, at: null });
  const current = useRef(null);
  const hasFailed = useRef(false);
  const load = useCallback(async () => {
    current.current?.abort();
    const mine = (current.current = new AbortController());
    try {
      const data = await ask(mine.signal);
      if (current.current !== mine) return;
      hasFailed.current = false;
      setState({ data, failure: null, at: Date.now() });
    } catch (failure) {
      if (current.current !== mine || failure.name === "AbortError") return;
      hasFailed.current = true;
      setState((old) => ({ ...old, failure }));
    }
  }, keys);
  useEffect(() => {
    setState({ data: undefined, failure: null, at: null });
    let timer = null;
    let isGone = false;
    const again = async (isFirst) => {
      // What nobody sees is not asked for again and again; once it is, for a tab that was opened in the background.
      if (isFirst || !document.hidden) await load();
      if (!isGone && everyMs) timer = setTimeout(again, everyMs, false);
    };
    again(true);
    return () => {
      isGone = true;
      clearTimeout(timer);
      current.current?.abort();
      current.current = null;
    };
  }, [load, everyMs]);
  useEffect(() => onReturn(() => hasFailed.current && load()), [load]);
  return { ...state, reload: load };
}
