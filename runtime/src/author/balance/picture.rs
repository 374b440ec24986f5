//! Distributions to look at: bars of text, and a picture in SVG.

use super::tally::Tally;
use hdrhistogram::Histogram;
use std::fmt::Write;

/// Bars of one distribution.
const BARS: usize = 20;
/// Characters of the longest bar.
const LONGEST: usize = 50;
/// What is cut off at either end, so that a single odd fight does not flatten the rest.
const CUT: f64 = 0.002;

/// One bar: from, to, share of all.
type Bar = (u64, u64, f64);

/// `grain` is the smallest step of what was counted: bars between two steps would show what is not there.
fn distribution(histogram: &Histogram<u64>, grain: u64) -> Vec<Bar> {
    if histogram.is_empty() {
        return Vec::new();
    }
    let (low, high) = (histogram.value_at_quantile(CUT), histogram.value_at_quantile(1.0 - CUT));
    let low = low / grain * grain;
    let width = ((high - low) / BARS as u64 + 1).next_multiple_of(grain);
    let mut counts = vec![0_u64; BARS];
    for bucket in histogram.iter_recorded() {
        let value = bucket.value_iterated_to().clamp(low, high);
        counts[(((value - low) / width) as usize).min(BARS - 1)] += bucket.count_at_value();
    }
    while counts.last() == Some(&0) {
        counts.pop();
    }
    let all = histogram.len() as f64;
    let bar = |(at, count): (usize, &u64)| {
        let from = low + at as u64 * width;
        (from, from + width, *count as f64 / all)
    };
    counts.iter().enumerate().map(bar).collect()
}

/// The distribution as text; `scale` is what one unit is of what is counted.
pub fn bars(title: &str, histogram: &Histogram<u64>, scale: f64, grain: u64) -> String {
    let mut text = String::new();
    let bars = distribution(histogram, grain);
    let Some(tallest) = bars.iter().map(|(_, _, share)| *share).reduce(f64::max) else { return text };
    let _ = writeln!(text, "{title}");
    for (from, _, share) in bars {
        let length = (share / tallest * LONGEST as f64).round() as usize;
        let _ = writeln!(
            text,
            "  {:>9.1} {:<LONGEST$} {:>5.1} %",
            from as f64 * scale,
            "#".repeat(length),
            share * 100.0
        );
    }
    text
}

/// The distributions as a picture.
pub fn svg(title: &str, tally: &Tally, tick_ms: u32) -> String {
    let (share, least, most) = tally.won_share();
    let mut svg = String::from(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 960 420\" font-family=\"sans-serif\" font-size=\"13\">\n<rect width=\"960\" height=\"420\" fill=\"#fff\"/>\n",
    );
    let title: String = title.chars().filter(|c| !"<>&".contains(*c)).collect();
    let _ = writeln!(svg, "<text x=\"20\" y=\"30\" font-size=\"18\">{title}</text>");
    let _ = writeln!(
        svg,
        "<text x=\"20\" y=\"54\">{} fights, {:.2} % won ({:.2} to {:.2}), {:.2} % lost</text>",
        tally.fights,
        share * 100.0,
        least * 100.0,
        most * 100.0,
        tally.lost as f64 * 100.0 / tally.fights.max(1) as f64
    );
    let (won, lost) = (share * 920.0, tally.lost as f64 / tally.fights.max(1) as f64 * 920.0);
    let _ = writeln!(svg, "<rect x=\"20\" y=\"64\" width=\"920\" height=\"12\" fill=\"#ddd\"/>");
    let _ = writeln!(svg, "<rect x=\"20\" y=\"64\" width=\"{won:.1}\" height=\"12\" fill=\"#2b8a3e\"/>");
    let _ = writeln!(
        svg,
        "<rect x=\"{:.1}\" y=\"64\" width=\"{lost:.1}\" height=\"12\" fill=\"#c92a2a\"/>",
        940.0 - lost
    );
    panel(&mut svg, 20.0, "seconds until the last defender fell", &tally.kill_ms, (0.001, tick_ms.into()));
    panel(&mut svg, 340.0, "health the attackers lost", &tally.taken, (1.0, 1));
    panel(&mut svg, 660.0, "health left after a victory, %", &tally.left_permille, (0.1, 1));
    svg.push_str("</svg>\n");
    svg
}

fn panel(svg: &mut String, x: f64, title: &str, histogram: &Histogram<u64>, (scale, grain): (f64, u64)) {
    let (width, bottom, height) = (280.0, 370.0, 240.0);
    let _ = writeln!(svg, "<text x=\"{x}\" y=\"110\">{title}</text>");
    let bars = distribution(histogram, grain);
    let tallest = bars.iter().map(|(_, _, share)| *share).fold(f64::MIN_POSITIVE, f64::max);
    let step = width / bars.len().max(1) as f64;
    for (at, (from, to, share)) in bars.iter().enumerate() {
        let tall = share / tallest * height;
        let _ = writeln!(
            svg,
            "<rect x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{tall:.1}\" fill=\"#1c7ed6\"><title>{:.1} to {:.1}: {:.2} %</title></rect>",
            x + at as f64 * step,
            bottom - tall,
            (step - 1.0).max(0.5),
            *from as f64 * scale,
            *to as f64 * scale,
            share * 100.0
        );
    }
    let _ = writeln!(
        svg,
        "<line x1=\"{x}\" y1=\"{bottom}\" x2=\"{}\" y2=\"{bottom}\" stroke=\"#333\"/>",
        x + width
    );
    if let (Some((from, ..)), Some((_, to, _))) = (bars.first(), bars.last()) {
        let _ = writeln!(svg, "<text x=\"{x}\" y=\"390\">{:.1}</text>", *from as f64 * scale);
        let _ = writeln!(
            svg,
            "<text x=\"{}\" y=\"390\" text-anchor=\"end\">{:.1}</text>",
            x + width,
            *to as f64 * scale
        );
    }
}
