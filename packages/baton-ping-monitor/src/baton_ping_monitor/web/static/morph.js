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
  const wanted = [...to.childNodes];
  const keyed = new Map([...from.children].filter(keyOf).map((child) => [keyOf(child), child]));
  const needed = new Map();
  for (const node of wanted) needed.set(kind(node), (needed.get(kind(node)) ?? 0) + 1);

  let at = from.firstChild;
  for (const node of wanted) {
    const known = keyed.get(keyOf(node));
    if (known) {
      if (known === at) at = at.nextSibling;
      else from.insertBefore(known, at);
      morph(known, node);
    } else {
      // What nothing that follows is like has gone. So has the space after it, of which there is
      // enough: if that stayed, all that follows would seem to be something else.
      while (at && kind(at) !== kind(node) && (!needed.get(kind(at)) || isSpace(at))) at = remove(at);
      if (at && kind(at) === kind(node)) {
        const next = at.nextSibling;
        morph(at, node);
        at = next;
      } else {
        from.insertBefore(node, at);
      }
    }
    needed.set(kind(node), needed.get(kind(node)) - 1);
  }
  while (at) at = remove(at);
}

function isSpace(node) {
  return node.nodeType === Node.TEXT_NODE && node.nodeValue.trim() === "";
}

function remove(node) {
  const next = node.nextSibling;
  node.remove();
  return next;
}

function keyOf(node) {
  return node.dataset?.key;
}

// What two nodes have in common that are the same part of a page.
function kind(node) {
  if (node.nodeType !== Node.ELEMENT_NODE) return node.nodeName;
  const key = keyOf(node);
  if (key !== undefined) return `=${key}`;
  const [name] = (node.getAttribute("class") ?? "").split(" ");
  return `${node.nodeName}#${node.id}.${name}`;
}
