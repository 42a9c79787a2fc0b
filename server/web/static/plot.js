// The plot of one datastream in a dialog, drawn by uPlot.

import { ZONE, number, tickDigits, withUnit } from "./words.js";

/* global uPlot */

const RELOAD_MS = 10_000;
const HEIGHT_SHARE = 0.5;
const DAY_S = 86_400;

const dialog = document.getElementById("plot");
const area = document.getElementById("plot-area");
const readout = document.getElementById("plot-readout");
const part = (name) => document.getElementById(`plot-${name}`);

let shown = null; // the datastream's id
let chart = null;
let columns = null;
let reload = 0;
let asked = 0; // of several answers under way, the last one asked for counts

const hours = () => Number(dialog.querySelector("[name=hours]:checked").value);
const colour = (name) => getComputedStyle(dialog).getPropertyValue(name).trim();

export function openPlot(tile) {
  shown = Number(tile.dataset.datastream);
  const { place, property, station } = tile.dataset;
  part("title").textContent = [property, place].join(", ");
  part("place").textContent = station;
  part("sentence").textContent = "";
  clear();
  dialog.showModal();
  load();
}

// A new value of a datastream arrived: draw it, if it is shown, but not more often than RELOAD_MS.
export function plotChanged(datastream) {
  if (datastream === shown && !reload) {
    reload = setTimeout(() => { reload = 0; load(); }, RELOAD_MS);
  }
}

async function load() {
  const turn = ++asked;
  const from = new Date(Date.now() - hours() * 3_600_000).toISOString();
  part("csv").href = `/api/v1/observations?datastream=${shown}&from=${from}&format=csv&limit=10000000`;
  try {
    const answer = await fetch(`/plots/${shown}?hours=${hours()}`);
    if (!answer.ok) throw new Error((await answer.json()).detail);
    const found = await answer.json();
    if (turn !== asked || !dialog.open) return;
    columns = found;
    part("sentence").textContent = found.sentence;
    part("unit").textContent = found.unit;
    draw();
  } catch (error) {
    if (turn === asked) part("sentence").textContent = `The plot could not be read. ${error.message}`;
  }
}

function clear() {
  chart?.destroy();
  chart = null;
  area.dataset.points = "0";
  readout.textContent = "";
}

function draw() {
  const none = columns.time.map(() => null);
  const data = [columns.time, columns.value, columns.doubtful, columns.high ?? none, columns.low ?? none];
  if (chart) chart.setData(data);
  else chart = new uPlot(options(), data, area);
  area.dataset.points = String(columns.time.length);
}

function size() {
  const wide = area.clientWidth;
  return { width: wide, height: Math.max(220, Math.min(420, Math.round(wide * HEIGHT_SHARE))) };
}

function options() {
  const text = colour("--ink-soft");
  const grid = { stroke: colour("--line"), width: 1 };
  const axis = { stroke: text, grid, ticks: grid, font: `13px ${colour("--font")}` };
  return {
    ...size(),
    legend: { show: false },
    cursor: { drag: { x: false, y: false }, y: false },
    scales: { x: { range: () => [columns.since, columns.until] }, y: { range: span } },
    series: [{}, values(), doubtful(), edge(), edge()],
    bands: [{ series: [3, 4], fill: colour("--plot-band") }],
    axes: [
      { ...axis, values: instants, space: 72 },
      { ...axis, ...valueTicks(), size: 56 },
    ],
    hooks: { setCursor: [tell] },
  };
}

function values() {
  const stroke = colour("--plot");
  if (columns.style === "bars") {
    return { stroke, fill: stroke, width: 1, points: { show: false }, paths: uPlot.paths.bars({ size: [0.8, 6, 2] }) };
  }
  if (columns.style === "points") {
    return { stroke, paths: () => null, points: { show: true, size: 4, fill: stroke } };
  }
  return { stroke, width: 2, points: { show: true, filter: alone, size: 4, fill: stroke } };
}

function doubtful() {
  const stroke = colour("--suspect");
  return { stroke, paths: () => null, points: { show: true, size: 7, fill: stroke } };
}

// Of a bucket lowest and highest are not lines: between them is the band.
function edge() {
  return { stroke: "transparent", width: 0, points: { show: false } };
}

// A reading between two gaps has no line: it is drawn as a point.
function alone(self, index) {
  const column = self.data[index];
  const there = (i) => column[i] !== null && column[i] !== undefined;
  return column.reduce((found, _, i) => {
    if (there(i) && !there(i - 1) && !there(i + 1)) found.push(i);
    return found;
  }, []);
}

// Room above and below; amounts stand on zero.
function span(_, low, high) {
  if (isDirection()) return [0, 360];
  if (low === null) return [0, 1];
  const room = (high - low || Math.abs(high) || 1) * 0.08;
  return columns.style === "bars" ? [0, high + room] : [low - room, high + room];
}

const isDirection = () => columns.style === "points" && columns.unit === "°";

function valueTicks() {
  if (isDirection()) return { splits: [0, 90, 180, 270, 360], values: ["N", "E", "S", "W", "N"] };
  return { values: (_, ticks) => ticks.map((tick) => number(tick, tickDigits(ticks))) };
}

const TIME = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });
const DAY = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short" });

function instants(_, ticks, __, ___, step) {
  let day = "";
  return ticks.map((tick) => {
    const date = new Date(tick * 1000);
    const itsDay = DAY.format(date);
    if (step >= DAY_S) return itsDay;
    const line = itsDay === day ? TIME.format(date) : `${TIME.format(date)}\n${itsDay}`;
    day = itsDay;
    return line;
  });
}

function tell(self) {
  const index = self.cursor.idx;
  const value = index === null || index === undefined ? null : self.data[1][index];
  if (value === null || value === undefined) {
    readout.textContent = `Times are in ${ZONE}.`;
    return;
  }
  const date = new Date(self.data[0][index] * 1000);
  const said = withUnit(value, columns.digits, columns.unit) + between(self, index);
  const doubt = self.data[2][index] === null ? "" : ", suspect";
  readout.textContent = `${said}${doubt} at ${DAY.format(date)}, ${TIME.format(date)} ${ZONE}`;
}

function between(self, index) {
  const [high, low] = [self.data[3][index], self.data[4][index]];
  if (high === null || low === null) return "";
  return `, from ${withUnit(low, columns.digits, columns.unit)} to ${withUnit(high, columns.digits, columns.unit)},`;
}

part("close").addEventListener("click", () => dialog.close());
dialog.addEventListener("close", () => { shown = null; clear(); });
dialog.addEventListener("change", load);
new ResizeObserver(() => chart?.setSize(size())).observe(area);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
  if (!chart) return;
  clear();
  draw();
});
