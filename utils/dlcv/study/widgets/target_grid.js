// Objects over YOLO's grid: move one, and see which cell answers for it and what it is told.
const [SIZE, LEAST_SIDE, STEP] = [448, 16, 8];
const COLOURS = ["accent", "orange", "green", "purple"];
const colourOf = (object) => `var(--dlcv-${COLOURS[object % COLOURS.length]})`;
const placeRect = (node, [x1, y1, x2, y2]) => setAttributes(node, { x: x1, y: y1, width: x2 - x1, height: y2 - y1 });

export default {
  render({ model, el }) {
    const [names, labels] = [model.get("names"), model.get("labels")];
    const put = (values) => {
      for (const [name, value] of Object.entries(values)) model.set(name, value);
      model.save_changes();
    };
    const called = (object) => `${object + 1} (${names[labels[object]]})`;
    const move = (object, from, dx, dy, isCorner) => {
      const box = movedBox(from, dx, dy, isCorner, SIZE, LEAST_SIDE);
      put({ boxes: model.get("boxes").map((old, i) => (i === object ? box : old)) });
    };
    const drag = (event, object, isCorner) => {
      const from = model.get("boxes")[object];
      followPointer(event, stage, SIZE, (dx, dy) => move(object, from, dx, dy, isCorner));
    };
    const hold = (object, isCorner, what) => h("svg:rect", {
      class: isCorner ? "corner" : "body", style: `--colour:${colourOf(object)}`, tabindex: 0, role: "application", "aria-label": what,
      onfocus: () => put({ chosen: object }),
      onpointerdown: (event) => drag(event, object, isCorner),
      onkeydown: (event) => {
        const step = arrowStep(event);
        if (!step) return;
        event.preventDefault();
        move(object, model.get("boxes")[object], STEP * step[1], STEP * step[0], isCorner || event.shiftKey);
      },
    });
    const objects = labels.map((_, object) => ({
      body: hold(object, false, `Object ${called(object)}: arrow keys move it, with Shift they resize it`),
      corner: hold(object, true, `Object ${called(object)}, lower right corner: arrow keys resize it`),
      centre: h("svg:path", { class: "centre", style: `--colour:${colourOf(object)}` }),
      name: h("svg:text", { class: "name", style: `--colour:${colourOf(object)}`, "aria-hidden": "true" }, called(object)),
    }));
    const [cells, lines] = [h("svg:g", {}), h("svg:path", { class: "lines" })];
    const stage = h("svg:svg", { class: "picture", viewBox: `0 0 ${SIZE} ${SIZE}` }, cells, lines, objects.map(({ body }) => body), objects.map(({ corner, centre, name }) => [corner, centre, name]).flat());
    const grid = slider({ label: "Cells in a row, S", min: 1, max: 12, value: model.get("grid"), onInput: (value) => put({ grid: value }) });
    const body = h("tbody");
    const heads = ["object", "row, col", "x", "y", "w", "h", "C"];
    const table = h("table", { class: "numbers" }, h("thead", {}, h("tr", {}, heads.map((text) => h("th", { scope: "col" }, text)))), body);
    const readout = h("p", { class: "readout", role: "status" });

    const show = () => {
      const [boxes, S, chosen] = [model.get("boxes"), model.get("grid"), model.get("chosen")];
      const shape = { S, C: names.length, size: SIZE };
      const side = SIZE / S;
      const told = targetCells(boxes, labels, shape);
      const places = boxes.map((box) => cellOf(box, shape));
      const ownerOf = ({ row, column }) => told.get(row * S + column).object;
      cells.replaceChildren(...[...told.values()].map(({ row, column, object }) => h("svg:rect", { class: object === chosen ? "cell chosen" : "cell", style: `--colour:${colourOf(object)}`, x: column * side, y: row * side, width: side, height: side })));
      lines.setAttribute("d", Array.from({ length: S - 1 }, (_, k) => `M${(k + 1) * side} 0V${SIZE}M0 ${(k + 1) * side}H${SIZE}`).join(""));
      boxes.forEach((box, object) => {
        const { body: rect, corner, centre, name } = objects[object];
        const isLost = ownerOf(places[object]) !== object;
        const [cx, cy] = [(box[0] + box[2]) / 2, (box[1] + box[3]) / 2];
        placeRect(rect, box);
        placeRect(corner, [Math.max(box[0], box[2] - 32), Math.max(box[1], box[3] - 32), box[2], box[3]]);
        rect.classList.toggle("lost", isLost);
        setAttributes(centre, { d: isLost ? `M${cx - 8} ${cy - 8}l16 16m0-16l-16 16` : `M${cx - 8} ${cy}h16m-8-8v16` });
        setAttributes(name, { x: box[0] + 6, y: box[1] + 22 });
      });
      body.replaceChildren(...places.map((place, object) => {
        const owner = ownerOf(place);
        const numbers = owner === object ? told.get(place.row * S + place.column).numbers.slice(0, 4).map((value) => h("td", {}, value.toFixed(2))) : [h("td", { class: "lost", colspan: 4 }, `lost to ${owner + 1}`)];
        return h("tr", { class: object === chosen ? "best" : null }, h("th", { scope: "row" }, called(object)), h("td", {}, `${place.row}, ${place.column}`), numbers, h("td", {}, owner === object ? "1" : "–"));
      }));
      const place = places[chosen];
      const { object: owner, numbers } = told.get(place.row * S + place.column);
      const target = numbers.map((value, i) => (i < 4 ? value.toFixed(2) : String(value))).join(", ");
      const says = owner === chosen ? `The centre of object ${called(chosen)} lies in row ${place.row}, column ${place.column}. This cell is told (${target}).` : `Object ${called(chosen)} is lost: object ${called(owner)} comes later in the list and has its centre in the same cell.`;
      readout.textContent = `${says} ${told.size} of ${boxes.length} objects have a cell; the other ${S * S - told.size} of ${S * S} cells are told nothing but zeros.`;
    };
    model.on("change:boxes", show);
    model.on("change:chosen", show);
    model.on("change:grid", () => (grid.set(model.get("grid")), show()));
    show();
    el.append(h("div", { class: "target-grid", role: "group", "aria-label": model.get("label") },
      h("div", { class: "controls" }, grid.root),
      h("div", { class: "stage" }, stage, h("div", {}, h("div", { class: "scroll" }, table), readout)),
      h("p", { class: "muted" }, `Drag an object or its corner; or reach it with Tab and use the arrow keys, with Shift to resize it. A coloured cell answers for the object of its colour. The target: x, y, w, h, C, then ${names.join(", ")}.`)));
  },
};
