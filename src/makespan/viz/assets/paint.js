// Draws the visible part of the chart on a canvas. Work per frame is bounded by what is in view:
// rows outside it are skipped, bars are found by bisection, bars below a pixel are merged.

const AXIS_HEIGHT = 40, OVERVIEW_HEIGHT = 34, SCROLLBAR = 10;
const MARK = { NONE: 0, JOB: 1, BEFORE: 2, AFTER: 3, SELECTED: 4 };

function readTheme(element) {
  const style = getComputedStyle(element), theme = {};
  for (const key of ["ground", "panel", "ink", "soft", "faint", "line", "down", "zebra", "setup",
    "load", "over", "limit", "focus", "match"]) {
    theme[key] = style.getPropertyValue("--" + key).trim();
  }
  theme.font = "system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif";
  return theme;
}

// Tile of a hatch: 0 none, 1 rising, 2 falling, 3 dots, 4 level lines, 5 crossed.
function hatchTile(kind, colour, size = 7) {
  const tile = document.createElement("canvas");
  tile.width = tile.height = size;
  const c = tile.getContext("2d");
  c.strokeStyle = c.fillStyle = colour;
  c.lineWidth = 1.4;
  const line = (x0, y0, x1, y1) => {
    c.beginPath();
    c.moveTo(x0, y0);
    c.lineTo(x1, y1);
    c.stroke();
  };
  if (kind === 1 || kind === 5) for (const s of [-size, 0, size]) line(s - 1, size + 1, s + size + 1, -1);
  if (kind === 2 || kind === 5) for (const s of [-size, 0, size]) line(s - 1, -1, s + size + 1, size + 1);
  if (kind === 3) {
    c.beginPath();
    c.arc(size / 2, size / 2, 1.5, 0, 7);
    c.fill();
  }
  if (kind === 4) line(0, size / 2, size, size / 2);
  return tile;
}

class Painter {
  constructor(canvas, model, axis) {
    this.canvas = canvas;
    this.c = canvas.getContext("2d");
    this.model = model;
    this.axis = axis;
    this.palette = model.raw.palette;
    this.inks = model.raw.inks;
    this.hatches = model.raw.hatches;
    this.widths = new Map();
    this.patterns = new Map();
    this.style = new Int32Array(model.n);
    const shades = this.palette.length;
    for (let i = 0; i < model.n; i++) {
      const j = model.job[i];
      this.style[i] = j < 0 ? i % shades : j % (shades * this.hatches);
    }
  }

  setTheme(theme) {
    this.theme = theme;
    this.patterns.clear();
  }

  pattern(kind, colour) {
    const key = kind + colour;
    if (!this.patterns.has(key)) {
      this.patterns.set(key, this.c.createPattern(hatchTile(kind, colour), "repeat"));
    }
    const made = this.patterns.get(key);
    made.setTransform(new DOMMatrix([1, 0, 0, 1, this.swim, this.drop]));
    return made;
  }

  textWidth(text) {
    let width = this.widths.get(this.c.font + text);
    if (width === undefined) {
      if (this.widths.size > 20000) this.widths.clear();
      width = this.c.measureText(text).width;
      this.widths.set(this.c.font + text, width);
    }
    return width;
  }

  clipText(text, room) {
    if (this.textWidth(text) <= room) return text;
    let keep = Math.floor((text.length * room) / this.textWidth(text)) - 1;
    while (keep > 1 && this.textWidth(text.slice(0, keep) + "…") > room) keep--;
    return keep > 1 ? text.slice(0, keep) + "…" : "";
  }

  // A name, or enough of it to know the task by. Names like "activity 12" end in the only number
  // they hold; that number says most.
  shortName(name, room) {
    if (this.textWidth(name) <= room) return name;
    const tail = /^\D+?[\s_-]?(\d+)$/.exec(name);
    const shown = tail ? "…" + tail[1] : this.clipText(name, room);
    return this.textWidth(shown) <= room && shown.length >= (tail ? 2 : 7) ? shown : "";
  }

  x(time) {
    return this.view.left + (time - this.view.from) * this.view.scale;
  }

  // view: from, to, scale (px per tick), left (label width), width, height, rows, tops, scroll,
  // unitHeight, mark, matches, showCritical, bright(task), hover, selected, overview
  paint(view) {
    const c = this.c;
    this.view = view;
    this.swim = (((-view.from * view.scale) % 7) + 7) % 7 + view.left;
    this.drop = (((AXIS_HEIGHT - view.scroll) % 7) + 7) % 7;
    c.setTransform(view.ratio, 0, 0, view.ratio, 0, 0);
    c.fillStyle = this.theme.ground;
    c.fillRect(0, 0, view.width, view.height);
    c.save();
    c.beginPath();
    c.rect(0, AXIS_HEIGHT, view.width, view.bottom - AXIS_HEIGHT);
    c.clip();
    const first = Math.max(0, bisect(view.tops, view.scroll) - 1);
    const shown = [];
    for (let k = first; k < view.rows.length; k++) {
      const y = AXIS_HEIGHT + view.tops[k] - view.scroll;
      if (y > view.bottom) break;
      shown.push({ row: view.rows[k], y, h: view.tops[k + 1] - view.tops[k], k });
    }
    for (const s of shown) this.ground(s);
    this.grid();
    c.save();
    c.beginPath();
    c.rect(view.left, AXIS_HEIGHT, view.width - view.left, view.bottom - AXIS_HEIGHT);
    c.clip();
    for (const s of shown) {
      if (s.row.type === "load") drawLoad(this, s);
      else if (s.row.type === "level") drawLevel(this, s);
      else if (s.row.type === "total") drawTotal(this, s);
    }
    drawBars(this, shown.filter((s) => s.row.items));
    drawMarkers(this, shown);
    drawArrows(this);
    c.restore();
    this.labels(shown);
    c.restore();
    this.drawAxis();
    this.scrollbar();
    if (view.overview) this.drawOverview();
  }

  ground({ row, y, h, k }) {
    const c = this.c, view = this.view;
    if (k % 2 && row.type === "bars" && !row.inner) {
      c.fillStyle = this.theme.zebra;
      c.fillRect(0, y, view.width, h);
    }
    if (row.calendar >= 0) {
      const breaks = this.model.breaks[row.calendar];
      c.fillStyle = this.theme.down;
      let low = 0, high = breaks.length / 2;
      while (low < high) {
        const middle = (low + high) >> 1;
        if (breaks[2 * middle + 1] > view.from) high = middle;
        else low = middle + 1;
      }
      let last = -1;
      for (let b = low; b < breaks.length / 2 && breaks[2 * b] < view.to; b++) {
        const x0 = Math.max(view.left, this.x(breaks[2 * b]));
        const x1 = Math.min(view.width, this.x(breaks[2 * b + 1]));
        if (x1 - last < 0.5) continue;
        c.fillRect(x0, y, Math.max(x1 - x0, 0.6), h);
        last = x1;
      }
    }
    const next = view.rows[k + 1];
    if (!next || !next.inner || row.type === "load") {
      c.fillStyle = this.theme.line;
      c.fillRect(0, Math.round(y + h) - 1, view.width, 1);
    }
  }

  grid() {
    const c = this.c, view = this.view;
    this.ticks = this.axis.ticks(view.from, view.to, view.width - view.left);
    for (const mark of this.ticks.marks) {
      c.fillStyle = mark.strong ? this.theme.faint : this.theme.line;
      c.fillRect(Math.round(this.x(mark.time)), AXIS_HEIGHT, 1, view.bottom - AXIS_HEIGHT);
    }
  }

  labels(shown) {
    const c = this.c, view = this.view;
    c.fillStyle = this.theme.panel;
    c.fillRect(0, AXIS_HEIGHT, view.left, view.bottom - AXIS_HEIGHT);
    c.textBaseline = "middle";
    c.textAlign = "left";
    for (const { row, y, h, k } of shown) {
      const next = view.rows[k + 1];
      if (!next || !next.inner || row.type === "load") {
        c.fillStyle = this.theme.line;
        c.fillRect(0, Math.round(y + h) - 1, view.left, 1);
      }
      const small = h < 13;
      if (row.label && h >= 6) {
        c.fillStyle = row.soft ? this.theme.soft : this.theme.ink;
        c.font = `${small ? Math.max(8, Math.floor(h - 2)) : 12}px ${this.theme.font}`;
        const mark = row.folds ? (row.folded ? "▸ " : "▾ ") : "";
        const middle = row.type === "load" || row.type === "level" ? y + Math.min(h / 2, 12) : y + h / 2;
        c.fillText(this.clipText(mark + row.label, view.left - 16), 8, middle);
      }
      c.font = `10px ${this.theme.font}`;
      c.fillStyle = this.theme.soft;
      if (row.type === "load") {
        const [, most] = extremes(this.model.raw.load[row.resource].value);
        const [least, top] = extremes(this.model.raw.limit[row.resource].value);
        c.fillText(this.clipText(`peak ${grouping(most)} of ${least === top ? grouping(top) : `${grouping(least)}–${grouping(top)}`}`, view.left - 24), 20, y + 27);
      }
      if (row.type === "level") {
        const raw = this.model.raw.resources, r = row.resource;
        c.fillText(this.clipText(`level ${raw.minimum[r]} to ${raw.capacity[r] === null ? "∞" : grouping(raw.capacity[r])}`, view.left - 24), 20, y + 27);
      }
      if (row.note) {
        c.fillStyle = this.theme.over;
        c.fillText(row.note, 8, y + h / 2);
      }
    }
    c.fillStyle = this.theme.faint;
    c.fillRect(view.left - 1, AXIS_HEIGHT, 1, view.bottom - AXIS_HEIGHT);
  }

  drawAxis() {
    const c = this.c, view = this.view;
    c.fillStyle = this.theme.panel;
    c.fillRect(0, 0, view.width, AXIS_HEIGHT);
    c.fillStyle = this.theme.faint;
    c.fillRect(0, AXIS_HEIGHT - 1, view.width, 1);
    c.save();
    c.beginPath();
    c.rect(view.left, 0, view.width - view.left, AXIS_HEIGHT);
    c.clip();
    c.textBaseline = "middle";
    c.textAlign = "left";
    c.font = `11px ${this.theme.font}`;
    const context = this.ticks.context;
    context.forEach((entry, k) => {
      const x = Math.max(this.x(entry.time), view.left);
      const until = k + 1 < context.length ? this.x(context[k + 1].time) : view.width;
      if (until < view.left || x > view.width) return;
      if (k > 0 && this.x(entry.time) >= view.left) {
        c.fillStyle = this.theme.faint;
        c.fillRect(Math.round(x), 0, 1, 20);
      }
      c.fillStyle = this.theme.soft;
      const text = this.clipText(entry.label, until - x - 8);
      if (text) c.fillText(text, x + 5, 11);
    });
    c.fillStyle = this.theme.ink;
    for (const mark of this.ticks.marks) {
      const x = this.x(mark.time);
      c.fillRect(Math.round(x), AXIS_HEIGHT - 6, 1, 6);
      c.textAlign = "center";
      const half = this.textWidth(mark.label) / 2;
      if (x - half >= view.left + 2 && x + half <= view.width) c.fillText(mark.label, x, AXIS_HEIGHT - 14);
      c.textAlign = "left";
    }
    const end = this.x(this.model.makespan);
    if (end > view.left && end < view.width) {
      const text = `makespan ${this.axis.text(this.model.makespan)}`;
      c.font = `bold 11px ${this.theme.font}`;
      const w = this.textWidth(text);
      const x = Math.min(end - w - 8, view.width - w - 8);
      c.fillStyle = this.theme.ink;
      c.fillRect(x, 2, w + 8, 16);
      c.fillStyle = this.theme.ground;
      c.fillText(text, x + 4, 10.5);
    }
    c.restore();
    c.fillStyle = this.theme.soft;
    c.font = `11px ${this.theme.font}`;
    c.fillText(this.clipText(view.corner, view.left - 14), 8, AXIS_HEIGHT - 14);
  }

  scrollbar() {
    const c = this.c, view = this.view;
    const total = view.tops[view.rows.length], room = view.bottom - AXIS_HEIGHT;
    if (total <= room + 1) return;
    const x = view.width - SCROLLBAR;
    const tall = Math.max(24, (room * room) / total);
    const y = AXIS_HEIGHT + ((room - tall) * view.scroll) / (total - room);
    c.globalAlpha = 0.55;
    c.fillStyle = this.theme.soft;
    c.fillRect(x + 2, y, SCROLLBAR - 4, tall);
    c.globalAlpha = 1;
  }

  // Whole plan at the foot: how many tasks run at a time, and the part in view.
  drawOverview() {
    const c = this.c, view = this.view, y = view.bottom;
    const wide = view.width - view.left;
    c.fillStyle = this.theme.panel;
    c.fillRect(0, y, view.width, OVERVIEW_HEIGHT);
    c.fillStyle = this.theme.faint;
    c.fillRect(0, y, view.width, 1);
    const full = view.overview.full, profile = view.overview.profile, peak = view.overview.peak;
    const k = wide / (full[1] - full[0]);
    c.fillStyle = this.theme.load;
    for (let p = 0; p < profile.length; p++) {
      const h = (profile[p] / peak) * (OVERVIEW_HEIGHT - 8);
      c.fillRect(view.left + (p * wide) / profile.length, y + OVERVIEW_HEIGHT - 2 - h, wide / profile.length + 0.5, h);
    }
    c.fillStyle = this.theme.ink;
    for (const time of view.overview.marks) c.fillRect(view.left + (time - full[0]) * k - 0.5, y + 3, 2, 7);
    const a = Math.max(view.left, view.left + (view.from - full[0]) * k);
    const b = Math.min(view.width, view.left + (view.to - full[0]) * k);
    c.globalAlpha = 0.72;
    c.fillStyle = this.theme.panel;
    c.fillRect(view.left, y + 1, a - view.left, OVERVIEW_HEIGHT);
    c.fillRect(b, y + 1, view.width - b, OVERVIEW_HEIGHT);
    c.globalAlpha = 1;
    c.strokeStyle = this.theme.focus;
    c.lineWidth = 2;
    c.strokeRect(a + 1, y + 2, Math.max(3, b - a - 2), OVERVIEW_HEIGHT - 4);
    c.fillStyle = this.theme.soft;
    c.font = `11px ${this.theme.font}`;
    c.textBaseline = "middle";
    c.textAlign = "left";
    c.fillText(this.clipText(`running tasks, peak ${grouping(peak)}`, view.left - 14), 8, y + OVERVIEW_HEIGHT / 2);
  }
}
