// Boxes that are moved by hand: where they may go, and how a pointer takes them there.
// Move a box, or its lower right corner, and keep it in the picture and large enough.
function movedBox([x1, y1, x2, y2], dx, dy, isCorner, side, least) {
  const held = (value, low, high) => Math.max(low, Math.min(high, value));
  if (isCorner) return [x1, y1, held(x2 + dx, x1 + least, side), held(y2 + dy, y1 + least, side)];
  const [mx, my] = [held(dx, -x1, side - x2), held(dy, -y1, side - y2)];
  return [x1 + mx, y1 + my, x2 + mx, y2 + my];
}

// From a press on a node until the pointer is let go, tell how far it is from where it was pressed, in
// units of the stage's picture, which is `side` wide.
function followPointer(event, stage, side, onMove) {
  event.preventDefault();
  const node = event.currentTarget;
  node.focus();
  const scale = side / stage.getBoundingClientRect().width;
  const [startX, startY] = [event.clientX, event.clientY];
  const follow = ({ clientX, clientY }) => onMove(Math.round((clientX - startX) * scale), Math.round((clientY - startY) * scale));
  const stop = () => {
    node.removeEventListener("pointermove", follow);
    for (const name of ["pointerup", "pointercancel"]) node.removeEventListener(name, stop);
  };
  node.setPointerCapture(event.pointerId);
  node.addEventListener("pointermove", follow);
  for (const name of ["pointerup", "pointercancel"]) node.addEventListener(name, stop);
}
