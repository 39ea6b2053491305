// Makes what is shown like what came, and keeps every element that is the same: so the focus, what
// is chosen, what is open and where one has scrolled to stay.

const KEPT = new Set(["open", "hidden", "class"]);

export function morph(from, to) {
  if (from.nodeType !== to.nodeType || from.nodeName !== to.nodeName) {
    from.replaceWith(to);
    return;
  }
  if (from.nodeType !== Node.ELEMENT_NODE) {
    if (from.nodeValue !== to.nodeValue) from.nodeValue = to.nodeValue;
    return;
  }
  if (from.isEqualNode(to)) return;
  morphAttributes(from, to);
  morphChildren(from, to);
}

function morphAttributes(from, to) {
  // A script may have opened or hidden it; what people have typed or ticked is no attribute.
  const scripted = from.hasAttribute("data-scripted");
  for (const { name, value } of [...to.attributes]) {
    if (scripted && KEPT.has(name)) continue;
    if (from.getAttribute(name) !== value) from.setAttribute(name, value);
  }
  for (const { name } of [...from.attributes]) {
    if (to.hasAttribute(name) || name === "data-scripted") continue;
    if (scripted && KEPT.has(name)) continue;
    if (from.nodeName === "DETAILS" && name === "open") continue;
    from.removeAttribute(name);
  }
}

function morphChildren(from, to) {
  const keyed = new Map();
  for (const child of from.children) {
    if (child.dataset?.key !== undefined) keyed.set(child.dataset.key, child);
  }
  let at = from.firstChild;
  for (const wanted of [...to.childNodes]) {
    const key = wanted.dataset?.key;
    const known = key === undefined ? undefined : keyed.get(key);
    if (known) {
      keyed.delete(key);
      if (known === at) at = at.nextSibling;
      else from.insertBefore(known, at);
      morph(known, wanted);
    } else if (key === undefined && at && at.dataset?.key === undefined && at.nodeName === wanted.nodeName) {
      const next = at.nextSibling;
      morph(at, wanted);
      at = next;
    } else {
      from.insertBefore(wanted, at);
    }
  }
  while (at) {
    const next = at.nextSibling;
    at.remove();
    at = next;
  }
  for (const child of keyed.values()) child.remove();
}
