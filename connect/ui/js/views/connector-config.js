// A connector's config, to edit.
import { html, useState } from "../vendor/htm-preact.js";
import { getWithTag, url } from "../api.js";
import { ConfigEditor } from "../parts/config-editor.js";
import { Loaded } from "../parts/errors.js";
import { useLoaded } from "../parts/loaded.js";
import { say } from "../parts/toast.js";
import { useCanChange } from "../parts/actionbar.js";
import { href } from "../router.js";

export const view = Config;

function Config({ name }) {
  const [saves, setSaves] = useState(0);
  const canChange = useCanChange();
  const of = useLoaded(() => getWithTag(url`/v1/connectors/${name}/config`), [name, saves]);
  return html`<${Loaded} of=${of} what="The config could not be loaded">${({ data: { name: _, ...config }, etag }) => html`
    <${ConfigEditor} key=${etag} start=${{ name, config, etag }} saved=${() => {
      say("good", `${name} was changed`);
      setSaves(saves + 1);
    }} />
    <p class="quiet">${canChange && html`<a href=${href("/new", { from: name })}>Copy it to a new connector</a> · `}<a href=${href("/compare", { a: name })}>Compare it with another</a></p>`}<//>`;
}
