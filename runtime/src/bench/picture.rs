//! Cost over clients as a picture: linear is what a zone has to be, and straight is how that looks.

use super::report::{Point, Report};
use std::fmt::Write;

const WIDTH: f64 = 900.0;
const HEIGHT: f64 = 460.0;
const LEFT: f64 = 70.0;
const RIGHT: f64 = 120.0;
const TOP: f64 = 60.0;
const BOTTOM: f64 = 60.0;
/// Lines of the grid each way.
const STEPS: usize = 5;

/// The curve of a report; `None` where it has none.
pub fn svg(report: &Report) -> Option<String> {
    let clients = report.curve.iter().map(|point| point.clients).max()? as f64;
    let percent = report.curve.iter().map(|point| point.cpu_percent).fold(1.0, f64::max);
    let x = |at: f64| LEFT + at / clients * (WIDTH - LEFT - RIGHT);
    let y = |at: f64| HEIGHT - BOTTOM - at / percent * (HEIGHT - TOP - BOTTOM);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" \
         font-size=\"13\">\n<rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"#fff\"/>\n\
         <text x=\"{LEFT}\" y=\"34\" font-size=\"18\">{}: CPU of the server over clients</text>\n",
        report.name
    );
    for step in 0..=STEPS {
        let part = step as f64 / STEPS as f64;
        let (along, up) = (clients * part, percent * part);
        let (across, high, low, far) = (x(along), y(up), HEIGHT - BOTTOM, WIDTH - RIGHT);
        let _ = writeln!(
            svg,
            "<line x1=\"{LEFT}\" y1=\"{high:.1}\" x2=\"{far}\" y2=\"{high:.1}\" stroke=\"#ddd\"/>\
             <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{up:.1} %</text>\
             <text x=\"{across:.1}\" y=\"{}\" text-anchor=\"middle\">{along:.0}</text>",
            LEFT - 8.0,
            high + 4.0,
            low + 22.0
        );
    }
    let mut sides: Vec<&str> = report.curve.iter().map(|point| point.of).collect();
    sides.dedup();
    for side in sides {
        let points: Vec<&Point> = report.curve.iter().filter(|point| point.of == side).collect();
        let colour = match side {
            "lore" => "#1c7ed6",
            "raw" => "#868e96",
            _ => "#e8590c",
        };
        let path: Vec<String> = points
            .iter()
            .map(|one| format!("{:.1},{:.1}", x(one.clients as f64), y(one.cpu_percent)))
            .collect();
        let _ = writeln!(
            svg,
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>",
            path.join(" ")
        );
        for (point, at) in points.iter().zip(&path) {
            let (x, y) = at.split_once(',').unwrap_or((at.as_str(), "0"));
            let _ = writeln!(
                svg,
                "<circle cx=\"{x}\" cy=\"{y}\" r=\"4\" fill=\"{colour}\"><title>{side}, {}: {:.1} %</title></circle>",
                point.clients, point.cpu_percent
            );
        }
        if let Some(last) = points.last() {
            let _ = writeln!(
                svg,
                "<text x=\"{:.1}\" y=\"{:.1}\" fill=\"{colour}\">{side}</text>",
                x(last.clients as f64) + 10.0,
                y(last.cpu_percent) + 4.0
            );
        }
    }
    svg.push_str("</svg>\n");
    Some(svg)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_has_a_line_for_every_side() {
        let point = |of, clients, cpu_percent| Point { of, clients, cpu_percent };
        let mut report = Report {
            name: "zone_aoi",
            work: "",
            seed: 42,
            quick: false,
            optimised: true,
            figures: Vec::new(),
            curve: Vec::new(),
            notes: Vec::new(),
        };
        assert!(svg(&report).is_none());
        report.curve = vec![
            point("lore", 100, 4.0),
            point("lore", 400, 16.0),
            point("raw", 100, 3.0),
            point("raw", 400, 12.0),
        ];
        let picture = svg(&report).expect("a picture");
        assert_eq!((picture.matches("<polyline").count(), picture.matches("<circle").count()), (2, 4));
        assert!(picture.starts_with("<svg") && picture.ends_with("</svg>\n"), "{picture}");
    }
}
