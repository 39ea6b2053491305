// What pages do in a browser. Without it they are whole, too: links and forms are enough.

import { startFilters } from "./filters.js";
import { startLive } from "./live.js";
import { startSelection } from "./selection.js";
import { startTimes } from "./times.js";

document.documentElement.classList.add("scripted");
startTimes();
startFilters();
startSelection();
startLive();

// What was done is said once: the address that says it is not kept.
const url = new URL(location.href);
if (url.searchParams.has("did")) {
  url.searchParams.delete("did");
  url.searchParams.delete("number");
  history.replaceState(history.state, "", url);
}
