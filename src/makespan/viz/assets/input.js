// Pointer, wheel, touch, keyboard and toolbar, translated into calls on the Gantt view.

function bindPointer(view) {
  const canvas = view.canvas, touches = new Map();
  let drag = null;
  const place = (event) => {
    const box = canvas.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  };
  const total = () => view.contentHeight, room = () => view.bottom - AXIS_HEIGHT;

  canvas.addEventListener("pointerdown", (event) => {
    if (event.button > 1) return;
    const { x, y } = place(event);
    canvas.setPointerCapture(event.pointerId);
    touches.set(event.pointerId, { x, y });
    let kind = "pan";
    if (y >= view.bottom && x >= view.left) kind = "overview";
    else if (x > view.width - SCROLLBAR - 2 && total() > room()) kind = "scroll";
    drag = { kind, x, y, moved: false };
    if (kind === "overview") centre(x);
    hideTip(view);
  });

  const centre = (x) => {
    const share = (x - view.left) / (view.width - view.left), span = view.to - view.from;
    const middle = view.full[0] + share * (view.full[1] - view.full[0]);
    view.setRange(middle - span / 2, middle + span / 2);
  };

  canvas.addEventListener("pointermove", (event) => {
    const { x, y } = place(event);
    if (touches.size === 2 && touches.has(event.pointerId)) {
      const [id] = [...touches.keys()].filter((key) => key !== event.pointerId);
      const other = touches.get(id), before = touches.get(event.pointerId);
      const was = Math.hypot(before.x - other.x, before.y - other.y);
      const now = Math.hypot(x - other.x, y - other.y);
      if (was > 0 && now > 0) view.zoom(now / was, (x + other.x) / 2);
      touches.set(event.pointerId, { x, y });
      if (drag) drag.moved = true;
      return;
    }
    if (!drag) return hover(event, x, y);
    if (touches.has(event.pointerId)) touches.set(event.pointerId, { x, y });
    if (!drag.moved && Math.hypot(x - drag.x, y - drag.y) < 4) return;
    drag.moved = true;
    canvas.classList.add("dragging");
    if (drag.kind === "overview") centre(x);
    else if (drag.kind === "scroll") view.pan(0, ((y - drag.y) * total()) / room());
    else view.pan(drag.x - x, drag.y - y);
    drag.x = x;
    drag.y = y;
  });

  const hover = (event, x, y) => {
    const found = view.hit(x, y);
    const task = found ? found.task : -1;
    if (task !== view.hover) {
      view.hover = task;
      view.request();
    }
    const k = view.rowAt(y);
    const folds = x < view.left && k >= 0 && view.rows[k].folds;
    canvas.style.cursor = task >= 0 || folds ? "pointer" : "";
    if (found) showTip(view, found, event.clientX, event.clientY);
    else hideTip(view);
  };

  const release = (event) => {
    touches.delete(event.pointerId);
    canvas.classList.remove("dragging");
    if (!drag) return;
    const { kind, moved, x, y } = drag;
    drag = null;
    if (moved || kind !== "pan" || event.type === "pointercancel") return;
    const k = view.rowAt(y);
    if (x < view.left && k >= 0 && view.rows[k].folds) return fold(view, view.rows[k].folds);
    const found = view.hit(x, y);
    const task = found ? found.task : -1;
    view.select(task === view.selected ? -1 : task);
  };
  canvas.addEventListener("pointerup", release);
  canvas.addEventListener("pointercancel", release);
  canvas.addEventListener("pointerleave", () => {
    hideTip(view);
    if (view.hover >= 0) {
      view.hover = -1;
      view.request();
    }
  });
  canvas.addEventListener("dblclick", (event) => {
    const found = view.hit(place(event).x, place(event).y);
    if (!found || found.task < 0) return view.reset();
    const m = view.model, a = m.taskStart[found.task], b = m.taskEnd[found.task];
    const wide = Math.max((b - a) * 4, 8);
    view.setRange((a + b - wide) / 2, (a + b + wide) / 2);
  });

  canvas.addEventListener("wheel", (event) => {
    event.preventDefault();
    hideTip(view);
    const unit = event.deltaMode === 1 ? 16 : event.deltaMode === 2 ? view.height : 1;
    const dx = event.deltaX * unit, dy = event.deltaY * unit;
    const { x, y } = place(event);
    if (event.altKey || (x < view.left && y < view.bottom && !event.ctrlKey)) return view.pan(0, dy);
    if (event.shiftKey) return view.pan(dy || dx);
    if (Math.abs(dx) > Math.abs(dy)) return view.pan(dx);
    view.zoom(Math.exp(-dy * (event.ctrlKey ? 0.01 : 0.0018)), Math.max(x, view.left));
  }, { passive: false });
}

function fold(view, key) {
  if (view.folded.has(key)) view.folded.delete(key);
  else view.folded.add(key);
  view.setGrouping(view.grouping);
}

function bindKeyboard(view) {
  const wide = () => (view.width - view.left) * 0.15, tall = () => (view.bottom - AXIS_HEIGHT) * 0.9;
  const keys = {
    "+": () => view.zoom(1.5),
    "=": () => view.zoom(1.5),
    "-": () => view.zoom(1 / 1.5),
    "0": () => view.reset(),
    ArrowLeft: () => view.pan(-wide()),
    ArrowRight: () => view.pan(wide()),
    ArrowUp: () => view.pan(0, -48),
    ArrowDown: () => view.pan(0, 48),
    PageUp: () => view.pan(0, -tall()),
    PageDown: () => view.pan(0, tall()),
    Home: () => view.setRange(view.full[0], view.full[0] + view.to - view.from),
    End: () => view.setRange(view.full[1] - view.to + view.from, view.full[1]),
    "[": () => resizeRows(view, 1 / 1.2),
    "]": () => resizeRows(view, 1.2),
    c: () => view.setCritical(!view.showCritical),
    Escape: () => view.select(-1),
  };
  const shifted = {
    ArrowLeft: () => view.walk(-1, 0),
    ArrowRight: () => view.walk(1, 0),
    ArrowUp: () => view.walk(0, -1),
    ArrowDown: () => view.walk(0, 1),
  };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target instanceof HTMLInputElement) {
      if (event.key === "Escape") view.canvas.focus();
      return;
    }
    if (event.key === "/") {
      event.preventDefault();
      document.getElementById("search").focus();
      return;
    }
    const action = (event.shiftKey && shifted[event.key]) || keys[event.key];
    if (!action) return;
    event.preventDefault();
    action();
  });
}

function resizeRows(view, factor) {
  view.zoomRows = Math.min(4, Math.max(0.2, view.zoomRows * factor));
  view.layout();
  view.request();
}

function bindToolbar(view) {
  const on = (id, action) => document.getElementById(id).addEventListener("click", action);
  for (const button of document.querySelectorAll("[data-grouping]")) {
    button.addEventListener("click", () => view.setGrouping(button.dataset.grouping));
  }
  const critical = document.getElementById("critical");
  critical.disabled = !view.model.hasCritical;
  if (critical.disabled) critical.title = "No critical path was handed to the drawing";
  on("critical", () => view.setCritical(!view.showCritical));
  const dates = document.getElementById("dates");
  dates.hidden = !view.axis.dated;
  dates.setAttribute("aria-pressed", String(view.axis.showDates));
  on("dates", () => {
    view.axis.showDates = !view.axis.showDates;
    dates.setAttribute("aria-pressed", String(view.axis.showDates));
    view.request();
  });
  on("closer", () => view.zoom(1.5));
  on("farther", () => view.zoom(1 / 1.5));
  on("fit", () => view.reset());
  const search = document.getElementById("search");
  search.addEventListener("input", () => view.find(search.value));
  search.addEventListener("keydown", (event) => {
    if (event.key === "Enter") view.nextMatch(event.shiftKey ? -1 : 1);
  });
}
