/* The page's files are modules, as its `<script type="module">` says; Node asks for a package.json that says so too. */

import { register } from "node:module";

const load = `export const load = (url, context, next) => next(url, url.endsWith(".js") ? { ...context, format: "module" } : context);`;
register(`data:text/javascript,${encodeURIComponent(load)}`);
