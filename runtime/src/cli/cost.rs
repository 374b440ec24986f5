//! Where the time of ticks goes, as a table: what `lore status --cost` and `lore top` have in common.

use crate::admin::client::{AdminClient, CallError};
use crate::admin::{Share, Shares};
use std::fmt::Write as _;
use std::time::Duration;

/// Two readings so far apart, and what was spent between them.
pub async fn measure(client: &AdminClient, over: Duration) -> Result<Shares, CallError> {
    let before = client.costs().await?;
    tokio::time::sleep(over).await;
    Ok(Shares::of(&client.costs().await?.since(&before)))
}

/// Zones, then scripts with what they were asked about, the most expensive first, and of each function how near
/// it came to its limits; at most so many lines.
pub fn lines(shares: &Shares, most: usize) -> Vec<String> {
    let mut lines = vec![format!(
        "{:<14} {:>9} {:>7} {:>9} {:>9} {:>8} {:>8} {:>9} {:>7}",
        "ZONE", "us/TICK", "SHARE", "scripts", "world", "record", "settle", "replicate", "inbox"
    )];
    for zone in &shares.zones {
        let mut line = format!("{:<14} {:>9.1} {:>5.2} %", zone.zone, zone.micros, zone.percent);
        for (part, width) in
            [("scripts", 9), ("step", 9), ("record", 8), ("settle", 8), ("replicate", 9), ("inbox", 7)]
        {
            // Writing to a string cannot fail.
            let _ = write!(line, " {:>width$.1}", zone.parts.get(part).copied().unwrap_or(0.0));
        }
        lines.push(line);
    }
    lines.push(String::new());
    lines.push(format!(
        "{:>7} {:>9} {:>11} {:>9} {:>8} {:>7} {:>7} {:<14} SCRIPT",
        "SHARE", "us/TICK", "FUEL/TICK", "VIEWS/TICK", "ns/VIEW", "OF CALL", "OF TICK", "ZONE"
    ));
    for export in &shares.exports {
        lines.push(format!("{} {:<14} {} {}", figures(export), export.zone, export.module, export.export));
        let of = |row: &&Share| {
            (&row.zone, &row.module, &row.export) == (&export.zone, &export.module, &export.export)
        };
        let subjects = shares.subjects.iter().filter(of);
        lines.extend(subjects.map(|row| format!("{} {:<14}   {}", figures(row), "", row.subject)));
    }
    let hidden = lines.len().saturating_sub(most);
    if hidden > 0 {
        lines.truncate(most.saturating_sub(1));
        lines.push(format!("... {} more lines", hidden + 1));
    }
    lines
}

fn figures(row: &Share) -> String {
    let peak = |percent: Option<f64>| percent.map(|percent| format!("{percent:.1} %")).unwrap_or_default();
    format!(
        "{:>5.2} % {:>9.1} {:>11.0} {:>10.1} {:>8.0} {:>7} {:>7}",
        row.percent,
        row.micros,
        row.fuel,
        row.views,
        row.view_nanos,
        peak(row.call_peak_percent),
        peak(row.tick_peak_percent)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect;

    fn share(module: &str, subject: &str, percent: f64) -> Share {
        Share {
            zone: "greywood".to_owned(),
            module: format!("{module}@0.1.0+1a2b3c4d"),
            export: "npc.think".to_owned(),
            subject: subject.to_owned(),
            percent,
            micros: percent * 500.0,
            fuel: percent * 60_000.0,
            views: percent * 100.0,
            view_nanos: 5_000.0,
            view_fuel: 600.0,
            call_peak_percent: subject.is_empty().then_some(12.5),
            tick_peak_percent: subject.is_empty().then_some(2.5),
            limits: None,
        }
    }

    #[test]
    fn what_costs_most_stands_first_and_what_it_was_about_below_it() {
        let zone = crate::admin::ZoneShare {
            zone: "greywood".to_owned(),
            ticks: 40,
            percent: 1.5,
            micros: 750.0,
            parts: [("scripts".to_owned(), 500.0), ("step".to_owned(), 250.0)].into(),
        };
        let shares = Shares {
            tick_ms: 50,
            zones: vec![zone],
            modules: Vec::new(),
            exports: vec![share("wolf", "", 0.8), share("boss", "", 0.2)],
            subjects: vec![share("wolf", "npc/wolf", 0.5), share("wolf", "npc/bear", 0.3)],
        };
        expect![[r#"
            ZONE             us/TICK   SHARE   scripts     world   record   settle replicate   inbox
            greywood           750.0  1.50 %     500.0     250.0      0.0      0.0       0.0     0.0

              SHARE   us/TICK   FUEL/TICK VIEWS/TICK  ns/VIEW OF CALL OF TICK ZONE           SCRIPT
             0.80 %     400.0       48000       80.0     5000  12.5 %   2.5 % greywood       wolf@0.1.0+1a2b3c4d npc.think
             0.50 %     250.0       30000       50.0     5000                                  npc/wolf
             0.30 %     150.0       18000       30.0     5000                                  npc/bear
             0.20 %     100.0       12000       20.0     5000  12.5 %   2.5 % greywood       boss@0.1.0+1a2b3c4d npc.think"#]]
        .assert_eq(&lines(&shares, 100).join("\n"));
        assert_eq!(lines(&shares, 5).last().map(String::as_str), Some("... 4 more lines"));
    }
}
