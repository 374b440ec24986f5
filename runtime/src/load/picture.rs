//! The course of a run as a picture in SVG: six panels over time.

use super::measure::Percentiles;
use super::report::Report;
use super::timeline::{Phase, Point};
use std::fmt::Write;

/// Inside of a panel, and from one to the next.
const WIDTH: f64 = 400.0;
const HEIGHT: f64 = 150.0;
const STEP: (f64, f64) = (480.0, 230.0);
/// Where the first one is.
const FIRST: (f64, f64) = (60.0, 126.0);
/// Points drawn of one line; of longer runs every second, third, ... one.
const DRAWN: usize = 400;

/// A line of a panel.
struct Line {
    name: &'static str,
    colour: &'static str,
    values: Vec<Option<f64>>,
}

const BLUE: &str = "#1c7ed6";
const RED: &str = "#c92a2a";
const GREEN: &str = "#2b8a3e";

/// The picture of a report.
pub fn svg(report: &Report) -> String {
    let every = report.timeline.len().div_ceil(DRAWN).max(1);
    let points: Vec<&Point> = report.timeline.iter().step_by(every).collect();
    let mut svg = String::from(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 960 800\" font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"960\" height=\"800\" fill=\"#fff\"/>\n",
    );
    head(&mut svg, report);
    let line = |name, colour, of: &dyn Fn(&Point) -> Option<f64>| Line {
        name,
        colour,
        values: points.iter().copied().map(of).collect(),
    };
    let median = |times: Option<Percentiles>| times.map(|times| times.p50);
    let tail = |times: Option<Percentiles>| times.map(|times| times.p99);
    let panels = [
        (
            "from a movement to its acknowledgement, ms",
            vec![
                line("p50", BLUE, &|point| median(point.move_ack_ms)),
                line("p99", RED, &|point| tail(point.move_ack_ms)),
            ],
        ),
        (
            "between two frames, ms",
            vec![
                line("p50", BLUE, &|point| median(point.frame_interval_ms)),
                line("p99", RED, &|point| tail(point.frame_interval_ms)),
            ],
        ),
        ("frames a client and second", vec![line("frames", BLUE, &|point| Some(point.frames_per_client_s))]),
        (
            "bytes a client and second",
            vec![
                line("received", BLUE, &|point| Some(point.bytes_per_client_s)),
                line("sent", GREEN, &|point| Some(point.sent_bytes_per_client_s)),
            ],
        ),
        (
            "tick of the slowest zone over the last minute, ms",
            vec![
                line("p50", BLUE, &|point| median(point.tick_ms)),
                line("p99", RED, &|point| tail(point.tick_ms)),
            ],
        ),
        (
            "CPU, % of a core",
            vec![
                line("server", BLUE, &|point| point.server_cpu_percent),
                line("load tool", GREEN, &|point| point.client_cpu_percent),
            ],
        ),
    ];
    let end = points.last().map_or(1.0, |point| point.at_s.max(1.0));
    for (number, (title, lines)) in panels.iter().enumerate() {
        let at = (FIRST.0 + (number % 2) as f64 * STEP.0, FIRST.1 + (number / 2) as f64 * STEP.1);
        panel(&mut svg, at, title, &points, lines, end);
    }
    svg.push_str("</svg>\n");
    svg
}

fn head(svg: &mut String, report: &Report) {
    let title = format!(
        "{}: {} bots, {}{}",
        report.scenario,
        report.bots + report.storm_bots,
        report.encoding,
        if report.void { ", VOID: the load tool had no time to spare" } else { "" }
    );
    let _ = writeln!(svg, "<text x=\"20\" y=\"32\" font-size=\"18\">{}</text>", escaped(&title));
    let figures = format!(
        "move to ack {:.0} ms (p99 {:.0}), {:.1} frames and {:.0} bytes a client and second, {} protocol errors, {} disconnects",
        report.move_ack_ms.p50,
        report.move_ack_ms.p99,
        report.frames_per_client_s,
        report.bytes_per_client_s,
        report.protocol_errors,
        report.disconnects
    );
    let _ = writeln!(svg, "<text x=\"20\" y=\"54\">{}</text>", escaped(&figures));
    let legend = "grey: bots join and settle; red: the storm";
    let _ = writeln!(svg, "<text x=\"20\" y=\"72\" fill=\"#666\">{legend}</text>");
    if let Some(storm) = &report.storm {
        let words = format!("storm: {}", storm.words().join("; "));
        let _ = writeln!(svg, "<text x=\"20\" y=\"90\">{}</text>", escaped(&words));
    }
}

fn panel(svg: &mut String, (x, y): (f64, f64), title: &str, points: &[&Point], lines: &[Line], end: f64) {
    let values = lines.iter().flat_map(|line| line.values.iter().flatten());
    let top = round_above(values.copied().fold(0.0, f64::max));
    let across = |seconds: f64| x + seconds / end * WIDTH;
    let up = |value: f64| y + HEIGHT - value / top * HEIGHT;
    let _ = writeln!(svg, "<text x=\"{x}\" y=\"{}\" font-size=\"13\">{}</text>", y - 10.0, escaped(title));
    for pair in points.windows(2) {
        let fill = match pair[1].phase {
            Phase::Joining | Phase::Settling => "#eee",
            Phase::Storm => "#ffe3e3",
            Phase::Playing => continue,
        };
        let (from, to) = (across(pair[0].at_s), across(pair[1].at_s));
        let _ = writeln!(
            svg,
            "<rect x=\"{from:.1}\" y=\"{y}\" width=\"{:.1}\" height=\"{HEIGHT}\" fill=\"{fill}\"/>",
            to - from
        );
    }
    for part in [0.0, 0.5, 1.0] {
        let (height, value) = (up(top * part), top * part);
        let _ = writeln!(
            svg,
            "<line x1=\"{x}\" y1=\"{height:.1}\" x2=\"{:.1}\" y2=\"{height:.1}\" stroke=\"#ccc\"/>\n\
             <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{value}</text>",
            x + WIDTH,
            x - 6.0,
            height + 4.0
        );
    }
    let _ = writeln!(svg, "<text x=\"{x}\" y=\"{:.1}\">0 s</text>", y + HEIGHT + 16.0);
    let _ = writeln!(
        svg,
        "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{end:.0} s</text>",
        x + WIDTH,
        y + HEIGHT + 16.0
    );
    for (number, line) in lines.iter().enumerate() {
        // A gap in the figures is a gap in the line.
        let times = points.iter().map(|point| point.at_s);
        let mut path = String::new();
        let mut is_down = false;
        for (at, value) in times.zip(&line.values) {
            if let Some(value) = value {
                let command = if is_down { 'L' } else { 'M' };
                let _ = write!(path, "{command}{:.1} {:.1} ", across(at), up(*value));
            }
            is_down = value.is_some();
        }
        let colour = line.colour;
        let _ = writeln!(svg, "<path d=\"{}\" fill=\"none\" stroke=\"{colour}\"/>", path.trim_end());
        let _ = writeln!(
            svg,
            "<text x=\"{:.1}\" y=\"{:.1}\" fill=\"{colour}\">{}</text>",
            x + 60.0 + number as f64 * 90.0,
            y + HEIGHT + 16.0,
            escaped(line.name)
        );
    }
}

/// The next of 1, 2, 5, 10, 20, ... that is not below.
fn round_above(value: f64) -> f64 {
    if value <= 1.0 {
        return 1.0;
    }
    let power = 10_f64.powf(value.log10().floor());
    let digits = [1.0, 2.0, 5.0].into_iter().map(|digit| digit * power);
    digits.into_iter().find(|round| *round >= value).unwrap_or(10.0 * power)
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::report::tests::example;

    #[test]
    fn the_scale_ends_at_a_round_number() {
        let rounded = [0.0, 0.3, 1.0, 1.1, 3.0, 5.0, 7.0, 10.0, 11.0, 480.0, 501.0].map(round_above);
        assert_eq!(rounded, [1.0, 1.0, 1.0, 2.0, 5.0, 5.0, 10.0, 10.0, 20.0, 500.0, 1_000.0]);
    }

    #[test]
    fn a_gap_in_the_figures_is_a_gap_in_the_line() {
        let mut report = example(4);
        report.timeline[2].server_cpu_percent = None;
        let svg = svg(&report);
        let cpu = svg.lines().filter(|line| line.starts_with("<path")).nth(9).expect("the server's CPU");
        assert_eq!(cpu.matches('M').count(), 2, "{cpu}");
        assert_eq!(cpu.matches('L').count(), 1, "{cpu}");
    }

    #[test]
    fn long_runs_and_odd_names_are_drawn_too() {
        let mut report = example(1_000);
        report.scenario = "a<b & \"c\"".to_owned();
        let svg = svg(&report);
        assert!(svg.contains("a&lt;b &amp; &quot;c&quot;: 2 bots"));
        assert!(svg.contains("storm: 1 of 2 in, 0 gave up; 1 went on, 0 joined anew"), "{svg}");
        assert!(svg.lines().all(|line| line.matches('L').count() <= DRAWN));
        assert!(!svg.contains("NaN") && !svg.contains("inf"));
        let empty = example(0);
        assert!(super::svg(&empty).ends_with("</svg>\n"));
    }
}
