// The evidence of a warning, drawn by uPlot: the series, its levels, and while it was active.

import { number, tickDigits } from "./words.js";

/* global uPlot */

const DAY_S = 86_400;
const area = document.getElementById("plot-area");
const ranges = document.getElementById("ranges");
const said = document.getElementById("plot-sentence");
// English days are written as everywhere here: 20 Nov.
const spoken = { en: "en-GB", ar: "ar-EG-u-nu-latn" }[document.documentElement.lang] ?? document.documentElement.lang;
const day = new Intl.DateTimeFormat(spoken, { day: "numeric", month: "short" });
const hour = new Intl.DateTimeFormat(spoken, { hour: "2-digit", minute: "2-digit" });

let chart = null;
let found = null;
let asked = 0; // of several answers under way, the last one asked for counts

const colour = (name) => getComputedStyle(area).getPropertyValue(name).trim();
const ofSeverity = (severity) => colour(severity === "critical" ? "--failed" : "--suspect");

async function load() {
  const turn = ++asked;
  const hours = ranges.querySelector(":checked").value;
  try {
    const answer = await fetch(`${area.dataset.plot}?hours=${hours}`);
    if (!answer.ok) throw new Error((await answer.json()).detail);
    const evidence = await answer.json();
    if (turn !== asked) return;
    found = evidence;
    said.textContent = found.columns.sentence;
    document.getElementById("plot-unit").textContent = found.columns.unit;
    document.getElementById("plot-key").hidden = false;
    draw();
  } catch (error) {
    if (turn === asked) {
      said.classList.remove("unseen");
      said.textContent = `${area.dataset.failed} ${error.message}`;
    }
  }
}

function draw() {
  chart?.destroy();
  const { columns } = found;
  const none = columns.time.map(() => null);
  const data = [columns.time, columns.value, columns.doubtful, columns.high ?? none, columns.low ?? none];
  chart = new uPlot(options(columns), data, area);
  area.dataset.points = String(columns.time.length);
}

function size() {
  const wide = area.clientWidth;
  return { width: wide, height: Math.max(220, Math.min(420, Math.round(wide * 0.5))) };
}

function options(columns) {
  const grid = { stroke: colour("--line"), width: 1 };
  const axis = { stroke: colour("--ink-soft"), grid, ticks: grid, font: `13px ${colour("--font")}` };
  const edge = { stroke: "transparent", width: 0, points: { show: false } };
  return {
    ...size(),
    legend: { show: false },
    cursor: { show: false },
    scales: { x: { range: () => [columns.since, columns.until] }, y: { range: span } },
    series: [{}, line(columns), doubtful(), edge, edge],
    bands: [{ series: [3, 4], fill: colour("--plot-band") }],
    axes: [
      { ...axis, values: instants, space: 72 },
      { ...axis, values: (_, ticks) => ticks.map((tick) => number(tick, tickDigits(ticks))), size: 56 },
    ],
    hooks: { drawClear: [shade], draw: [levels] },
  };
}

function line(columns) {
  const stroke = colour("--plot");
  if (columns.style === "bars") {
    return { stroke, fill: stroke, points: { show: false }, paths: uPlot.paths.bars({ size: [0.8, 6, 2] }) };
  }
  if (columns.style === "points") return { stroke, paths: () => null, points: { show: true, size: 4, fill: stroke } };
  return { stroke, width: 2, points: { show: true, filter: alone, size: 4, fill: stroke } };
}

function doubtful() {
  const stroke = colour("--suspect");
  return { stroke, paths: () => null, points: { show: true, size: 7, fill: stroke } };
}

// A reading between two gaps has no line: it is drawn as a point.
function alone(self, index) {
  const column = self.data[index];
  const there = (i) => column[i] !== null && column[i] !== undefined;
  return [...column.keys()].filter((i) => there(i) && !there(i - 1) && !there(i + 1));
}

// Room above and below, and for every level; amounts stand on zero.
function span(_, low, high) {
  const shown = found.levels.map((level) => level.value);
  if (low !== null) shown.push(low, high);
  if (!shown.length) return [0, 1];
  const [least, most] = [Math.min(...shown), Math.max(...shown)];
  const room = (most - least || Math.abs(most) || 1) * 0.08;
  return [found.columns.style === "bars" ? 0 : least - room, most + room];
}

function instants(_, ticks, __, ___, step) {
  let before = "";
  return ticks.map((tick) => {
    const date = new Date(tick * 1000);
    const its = day.format(date);
    if (step >= DAY_S) return its;
    const text = its === before ? hour.format(date) : `${hour.format(date)}\n${its}`;
    before = its;
    return text;
  });
}

function shade(self) {
  const { ctx, bbox } = self;
  const { since, until } = found.columns;
  ctx.save();
  ctx.globalAlpha = 0.18;
  for (const one of found.spans) {
    const from = Math.max(one.since, since);
    const to = Math.min(one.until ?? until, until);
    if (to <= from) continue;
    const [left, right] = [self.valToPos(from, "x", true), self.valToPos(to, "x", true)];
    ctx.fillStyle = ofSeverity(one.severity);
    ctx.fillRect(left, bbox.top, Math.max(2, right - left), bbox.height);
  }
  ctx.restore();
}

function levels(self) {
  const { ctx, bbox } = self;
  ctx.save();
  ctx.lineWidth = 2 * devicePixelRatio;
  ctx.setLineDash([6 * devicePixelRatio, 5 * devicePixelRatio]);
  for (const one of found.levels) {
    const y = Math.round(self.valToPos(one.value, "y", true));
    ctx.strokeStyle = ofSeverity(one.severity);
    ctx.beginPath();
    ctx.moveTo(bbox.left, y);
    ctx.lineTo(bbox.left + bbox.width, y);
    ctx.stroke();
  }
  ctx.restore();
}

ranges.hidden = false;
ranges.addEventListener("change", load);
new ResizeObserver(() => chart?.setSize(size())).observe(area);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { if (found) draw(); });
load();
