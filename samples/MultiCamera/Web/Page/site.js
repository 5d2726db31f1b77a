"use strict";

// Asks for the state of the site every second and shows it. Text comes from cameras and settings: it is set as text, never as HTML.
const byId = id => document.getElementById(id);
const tiles = new Map();
let cameras = [];
let alarms = [];
let older = [];
let shownCamera = null;
let keepsClips = false;
let noOlder = false;

async function ask(address) {
  const answer = await fetch(address);
  if (answer.status === 401) location.assign("login");
  if (!answer.ok) throw new Error(`${address}: ${answer.status}`);
  return answer.json();
}

function seconds(value) {
  return value === null ? "–" : value < 1 ? `${Math.round(value * 1000)} ms` : `${value.toFixed(1)} s`;
}

function left(camera) {
  return camera.busy + camera.dropped + camera.failed;
}

function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function list(dl, entries) {
  dl.replaceChildren(...entries.filter(entry => entry[1] !== null && entry[1] !== "").flatMap(([name, value]) => {
    const dt = document.createElement("dt");
    const dd = document.createElement("dd");
    dt.textContent = name;
    dd.textContent = value;
    return [dt, dd];
  }));
}

function pictureOf(camera) {
  return `cameras/${encodeURIComponent(camera.name)}.jpg?at=${Date.now()}`;
}

// One picture at a time for each camera: a slow connection gets fewer, not a queue of them.
function renew(img, camera) {
  if (img.dataset.loading || camera.detected === 0) return;
  const next = new Image();
  img.dataset.loading = "yes";
  next.onload = next.onerror = event => {
    delete img.dataset.loading;
    if (event.type === "load") img.src = next.src;
  };
  next.src = pictureOf(camera);
}

function tileOf(camera) {
  let tile = tiles.get(camera.name);
  if (!tile) {
    tile = byId("camera").content.firstElementChild.cloneNode(true);
    tile.dataset.name = camera.name;
    tile.querySelector(".name").textContent = camera.name;
    tile.addEventListener("click", () => openCamera(camera.name));
    tiles.set(camera.name, tile);
  }
  return tile;
}

function showWall() {
  const wall = byId("wall");
  const wanted = cameras.map(camera => {
    const tile = tileOf(camera);
    const state = tile.querySelector(".state");
    state.dataset.state = camera.state;
    setText(state, camera.state);
    setText(tile.querySelector(".figures"),
      `${camera.rate.toFixed(1)} frames/s · age ${seconds(camera.ageP50)}, p99 ${seconds(camera.ageP99)} · ${left(camera)} left out · ${camera.alarms} alarms`);
    tile.title = camera.problem ?? "";
    renew(tile.querySelector("img"), camera);
    return tile;
  });
  for (const [name, tile] of tiles) {
    if (!wanted.includes(tile)) tiles.delete(name);
  }
  if (wanted.length !== wall.children.length || wanted.some((tile, i) => wall.children[i] !== tile)) wall.replaceChildren(...wanted);
}

function openCamera(name) {
  shownCamera = name;
  byId("camera-view").querySelector("img").removeAttribute("src");
  showCamera();
  byId("camera-view").showModal();
}

function showCamera() {
  const view = byId("camera-view");
  const camera = cameras.find(camera => camera.name === shownCamera);
  if (!camera) return;
  setText(view.querySelector("h2"), camera.name);
  renew(view.querySelector("img"), camera);
  list(view.querySelector("dl"), [
    ["State", `${camera.state} since ${new Date(camera.since).toLocaleString()}`],
    ["Problem", camera.problem],
    ["Source", camera.source],
    ["Frames", `${camera.width} × ${camera.height}, ${camera.rate.toFixed(1)} a second`],
    ["Age", `p50 ${seconds(camera.ageP50)}, p99 ${seconds(camera.ageP99)}`],
    ["Looked at", String(camera.detected)],
    ["Left out", `${camera.busy} busy, ${camera.dropped} dropped (${camera.tooOld} too old, ${camera.late} late), ${camera.failed} failed`],
    ["Deadline", `${camera.deadlinesMissed} missed`],
    ["Video lost", `${camera.faults} times, ${camera.decodeErrors} errors in it`],
    ["Alarms", String(camera.alarms)],
  ]);
}

function wantedAlarms() {
  const wanted = byId("filter").value;
  const known = new Set(alarms.map(alarm => alarm.id));
  return alarms.concat(older.filter(alarm => !known.has(alarm.id))).filter(alarm => !wanted || alarm.camera === wanted);
}

function showAlarms() {
  const all = wantedAlarms();
  const items = new Map([...byId("alarms").children].map(item => [item.dataset.id, item]));
  const next = all.map(alarm => items.get(alarm.id) ?? itemOf(alarm));
  const list = byId("alarms");
  if (next.length !== list.children.length || next.some((item, i) => list.children[i] !== item)) list.replaceChildren(...next);
}

// Adds what the history has before the last alarm that is shown, and what is of the same moment.
async function showOlder() {
  const shown = wantedAlarms();
  const known = new Set(shown.map(alarm => alarm.id));
  const query = new URLSearchParams();
  if (shown.length) query.set("before", new Date(Date.parse(shown.at(-1).time) + 1).toISOString());
  if (byId("filter").value) query.set("camera", byId("filter").value);
  const more = (await ask(`api/alarms?${query}`)).filter(alarm => !known.has(alarm.id));
  noOlder = more.length === 0;
  byId("older").hidden = noOlder;
  older = older.concat(more);
  showAlarms();
}

function itemOf(alarm) {
  const item = byId("alarm").content.firstElementChild.cloneNode(true);
  item.dataset.id = alarm.id;
  item.querySelector("img").src = `media/${alarm.picture}`;
  item.querySelector(".text").textContent = `${alarm.camera}: ${alarm.text}`;
  item.querySelector("time").dateTime = alarm.time;
  item.querySelector("time").textContent = new Date(alarm.time).toLocaleString();
  item.querySelector("button").addEventListener("click", () => openAlarm(alarm));
  return item;
}

function openAlarm(alarm) {
  const view = byId("alarm-view");
  view.querySelector("h2").textContent = alarm.text;
  view.querySelector("img").src = `media/${alarm.picture}`;

  // A clip is there some seconds after its alarm.
  const video = view.querySelector("video");
  video.hidden = true;
  video.onloadeddata = () => { video.hidden = false; };
  if (keepsClips) video.src = `media/${alarm.clip}`;
  list(view.querySelector("dl"), [
    ["Time", new Date(alarm.time).toLocaleString()],
    ["Camera", alarm.camera],
    ["Rule", `${alarm.rule} (${alarm.kind})`],
    ["Place", alarm.place],
    ["Number", alarm.id],
  ]);
  view.showModal();
}

function showFilter() {
  const filter = byId("filter");
  const names = ["", ...cameras.map(camera => camera.name)];
  if (names.length === filter.options.length && names.every((name, i) => filter.options[i].value === name)) return;
  const chosen = filter.value;
  filter.replaceChildren(...names.map(name => new Option(name || "all", name)));
  filter.value = names.includes(chosen) ? chosen : "";
}

function showOutlets(outlets) {
  byId("outlets").replaceChildren(...outlets.map(outlet => {
    const item = document.createElement("li");
    item.dataset.state = outlet.state;
    item.title = outlet.problem ?? "";
    item.textContent = `${outlet.name} ${outlet.state}${outlet.waiting ? `, ${outlet.waiting} waiting` : ""}${outlet.dropped ? `, ${outlet.dropped} lost` : ""}`;
    return item;
  }));
}

function showProblem(text) {
  byId("problem").hidden = !text;
  setText(byId("problem"), text ?? "");
}

async function refresh() {
  try {
    const [status, latest] = await Promise.all([ask("api/status"), ask("api/alarms")]);
    cameras = status.cameras;
    alarms = latest;
    keepsClips = status.keepsClips;
    byId("older").hidden = !status.keepsHistory || noOlder;
    setText(byId("summary"), `${cameras.filter(camera => camera.state === "live").length} of ${cameras.length} live · ${status.device.split(" (")[0]}`);
    byId("summary").title = status.device;
    showProblem(status.settingsProblem);
    showOutlets(status.outlets);
    showFilter();
    showWall();
    showAlarms();
    if (byId("camera-view").open) showCamera();
  } catch (error) {
    showProblem(`The program does not answer: ${error.message}`);
  }
  setTimeout(refresh, 1000);
}

byId("filter").addEventListener("change", () => { noOlder = false; showAlarms(); });
byId("older").addEventListener("click", () => showOlder().catch(error => showProblem(error.message)));
byId("alarm-view").addEventListener("close", () => byId("alarm-view").querySelector("video").removeAttribute("src"));
refresh();
