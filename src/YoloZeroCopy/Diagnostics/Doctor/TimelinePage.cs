using System.Net;
using System.Text;
using System.Text.Json;

namespace YoloZeroCopy;

/// <summary>A page that draws a timeline by itself, on a canvas: no other file, no network.</summary>
internal static class TimelinePage
{
    private static readonly (TimelineKind Kind, string Color)[] Colors =
    [
        (TimelineKind.Queue, "#b0b7c3"), (TimelineKind.Start, "#7c3aed"), (TimelineKind.Lane, "#cfe3ff"), (TimelineKind.Preprocess, "#16a34a"),
        (TimelineKind.Engine, "#2563eb"), (TimelineKind.Decode, "#0d9488"), (TimelineKind.Upload, "#ea580c"), (TimelineKind.Pause, "#dc2626"),
    ];

    public static void Write(
        TextWriter writer, string title, double seconds, IReadOnlyList<TimelineRow> rows, IReadOnlyList<(double At, QueueSample Sample)> samples)
    {
        string name = WebUtility.HtmlEncode(title);
        writer.WriteLine("<!doctype html>");
        writer.WriteLine($"<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{name}</title>");
        writer.WriteLine(Style);
        writer.WriteLine($"</head><body><h1>{name}</h1><p id=\"hint\">Wheel zooms, dragging moves, a double click shows all.</p>");
        writer.WriteLine("<canvas id=\"view\"></canvas><div id=\"tip\" hidden></div>");
        writer.WriteLine($"<script type=\"application/json\" id=\"data\">{Data(seconds, rows, samples)}</script>");
        writer.WriteLine(Script);
        writer.WriteLine("</body></html>");
    }

    // The serializer's own escaping keeps < out, so that no text ends the script element.
    private static string Data(double seconds, IReadOnlyList<TimelineRow> rows, IReadOnlyList<(double At, QueueSample Sample)> samples)
    {
        using MemoryStream bytes = new();
        using (Utf8JsonWriter json = new(bytes))
        {
            json.WriteStartObject();
            json.WriteNumber("seconds"u8, seconds);
            json.WriteStartArray("colors"u8);
            foreach ((TimelineKind _, string color) in Colors.OrderBy(static one => one.Kind))
            {
                json.WriteStringValue(color);
            }

            json.WriteEndArray();
            json.WriteStartArray("rows"u8);
            foreach (TimelineRow row in rows)
            {
                json.WriteStartObject();
                json.WriteString("name"u8, row.Name);
                json.WriteStartArray("parts"u8);
                foreach (TimelinePart part in row.Parts)
                {
                    json.WriteStartArray();
                    json.WriteNumberValue((int)part.Kind);
                    json.WriteStringValue(part.Name);
                    json.WriteNumberValue(Math.Round(part.Start, 7));
                    json.WriteNumberValue(Math.Round(part.Length, 7));
                    json.WriteEndArray();
                }

                json.WriteEndArray();
                json.WriteEndObject();
            }

            json.WriteEndArray();
            json.WriteStartArray("counts"u8);
            foreach ((string count, Func<QueueSample, int> value) in Counts)
            {
                json.WriteStartObject();
                json.WriteString("name"u8, count);
                json.WriteStartArray("values"u8);
                WriteSteps(json, samples, value);
                json.WriteEndArray();
                json.WriteEndObject();
            }

            json.WriteEndArray();
            json.WriteEndObject();
        }

        return Encoding.UTF8.GetString(bytes.GetBuffer(), 0, (int)bytes.Length);
    }

    private static readonly (string Name, Func<QueueSample, int> Value)[] Counts =
    [
        ("frames waiting", static sample => sample.Waiting), ("batches in flight", static sample => sample.InFlight),
        ("results held", static sample => sample.Held), ("slots rented", static sample => sample.Rented),
    ];

    // Only where the number changes.
    private static void WriteSteps(Utf8JsonWriter json, IReadOnlyList<(double At, QueueSample Sample)> samples, Func<QueueSample, int> value)
    {
        int last = -1;
        foreach ((double at, QueueSample sample) in samples)
        {
            int now = value(sample);
            if (now != last)
            {
                last = now;
                json.WriteStartArray();
                json.WriteNumberValue(Math.Round(at, 6));
                json.WriteNumberValue(now);
                json.WriteEndArray();
            }
        }
    }

    private const string Style = """
        <style>
        body { font: 14px system-ui, sans-serif; margin: 16px; color: #1f2937; }
        h1 { font-size: 16px; margin: 0 0 4px; } #hint { margin: 0 0 8px; color: #6b7280; }
        canvas { display: block; border: 1px solid #d1d5db; cursor: grab; }
        #tip { position: fixed; pointer-events: none; background: #111827; color: #fff; padding: 4px 8px; border-radius: 4px; font-size: 12px; }
        </style>
        """;

    private const string Script = """
        <script>
        "use strict";
        const data = JSON.parse(document.getElementById("data").textContent);
        const view = document.getElementById("view"), tip = document.getElementById("tip"), pen = view.getContext("2d");
        const left = 150, rowHeight = 26, countHeight = 44, axis = 22;
        let from = 0, to = data.seconds, hit = [];
        const words = t => t >= 1 ? t.toFixed(3) + " s" : t >= 0.001 ? (t * 1000).toFixed(3) + " ms" : (t * 1e6).toFixed(1) + " µs";
        function draw() {
          const width = document.documentElement.clientWidth - 34;
          const height = axis + data.rows.length * rowHeight + data.counts.length * countHeight;
          const dots = window.devicePixelRatio || 1;
          view.width = width * dots; view.height = height * dots; view.style.width = width + "px"; view.style.height = height + "px";
          pen.setTransform(dots, 0, 0, dots, 0, 0);
          pen.font = "12px system-ui, sans-serif"; pen.textBaseline = "middle";
          const place = t => left + (t - from) / (to - from) * (width - left);
          hit = [];
          pen.fillStyle = "#6b7280";
          const step = Math.pow(10, Math.floor(Math.log10((to - from) / 5)));
          for (let t = Math.ceil(from / step) * step, n = 0; t <= to && n < 60; t += step, n++) {
            pen.fillRect(place(t), 0, 1, height); pen.fillText(words(t), place(t) + 3, axis / 2);
            pen.globalAlpha = 0.25;
          }
          pen.globalAlpha = 1;
          let y = axis;
          for (const row of data.rows) {
            for (const [kind, name, start, length] of row.parts) {
              if (start + length < from || start > to) continue;
              const x = Math.max(left, place(start)), w = Math.max(1, Math.min(width, place(start + length)) - x);
              pen.fillStyle = data.colors[kind];
              pen.fillRect(x, y + 3, w, rowHeight - 6);
              hit.push([x, y, w, rowHeight, `${name}: ${words(length)} from ${words(start)}`]);
            }
            pen.fillStyle = "#fff"; pen.fillRect(0, y, left, rowHeight);
            pen.fillStyle = "#111827"; pen.fillText(row.name, 4, y + rowHeight / 2);
            y += rowHeight;
          }
          for (const count of data.counts) {
            const most = Math.max(1, ...count.values.map(v => v[1]));
            const low = y + countHeight - 4, scale = (countHeight - 10) / most;
            pen.fillStyle = "#93c5fd";
            count.values.forEach(([at, value], i) => {
              const end = i + 1 < count.values.length ? count.values[i + 1][0] : data.seconds;
              if (end < from || at > to) return;
              const x = Math.max(left, place(at)), w = Math.max(1, Math.min(width, place(end)) - x);
              pen.fillRect(x, low - value * scale, w, value * scale);
              hit.push([x, y, w, countHeight, `${count.name}: ${value} from ${words(at)}`]);
            });
            pen.fillStyle = "#fff"; pen.fillRect(0, y, left, countHeight);
            pen.fillStyle = "#111827"; pen.fillText(`${count.name} (most ${most})`, 4, y + countHeight / 2);
            y += countHeight;
          }
        }
        function show(a, b) {
          const span = Math.min(data.seconds, Math.max(1e-6, b - a));
          from = Math.min(Math.max(0, a), data.seconds - span); to = from + span; draw();
        }
        const time = x => from + (x - left) / (view.clientWidth - left) * (to - from);
        view.addEventListener("wheel", e => {
          e.preventDefault();
          const t = time(e.offsetX), k = Math.exp(e.deltaY * 0.002);
          show(t - (t - from) * k, t + (to - t) * k);
        }, { passive: false });
        let grip = null;
        view.addEventListener("mousedown", e => { grip = [e.offsetX, from, to]; });
        window.addEventListener("mouseup", () => { grip = null; });
        view.addEventListener("dblclick", () => show(0, data.seconds));
        view.addEventListener("mousemove", e => {
          if (grip) {
            const d = (e.offsetX - grip[0]) / (view.clientWidth - left) * (grip[2] - grip[1]);
            show(grip[1] - d, grip[2] - d);
          }
          const found = hit.findLast(h => e.offsetX >= h[0] && e.offsetX <= h[0] + h[2] && e.offsetY >= h[1] && e.offsetY < h[1] + h[3]);
          tip.hidden = !found;
          if (found) { tip.textContent = found[4]; tip.style.left = e.clientX + 12 + "px"; tip.style.top = e.clientY + 12 + "px"; }
        });
        window.addEventListener("resize", draw);
        draw();
        </script>
        """;
}
