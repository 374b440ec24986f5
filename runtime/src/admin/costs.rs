//! What ticks cost and what for: a reading of all zones' accounts, what was spent between two readings,
//! and the shares of the tick that follow. All but the reading is pure.

use super::status::script_stats;
use crate::reload::Pipeline;
use crate::zone::Zones;
use host_api::{CallLimits, ExportStats, TickFuel};
use serde::{Deserialize, Serialize};
use sim::DefId;
use sim::content::Content;
use std::collections::BTreeMap;

/// What stands for definitions beyond the number that is told apart, or that are gone.
const OTHER: &str = "other";

/// The answer of `GET /admin/v1/costs`: sums since the zones started and since each module is live.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Costs {
    /// Time a tick has, milliseconds.
    pub tick_ms: u32,
    /// By zone.
    pub zones: Vec<ZoneCost>,
}

/// What the ticks of one zone cost.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ZoneCost {
    /// Its name.
    pub zone: String,
    /// Ticks.
    pub ticks: u64,
    /// Nanoseconds by part of the tick; `step` holds what its scripts took.
    pub phases: BTreeMap<String, u64>,
    /// By module and export.
    pub exports: Vec<ExportCost>,
}

/// What one function of one module costs in one zone.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExportCost {
    /// `wolf@0.1.0+1a2b3c4d`.
    pub module: String,
    /// `npc.think`.
    pub export: String,
    /// Calls into the component.
    pub calls: u64,
    /// Views answered with the fallback.
    pub fallbacks: u64,
    /// What a call may cost.
    #[serde(default)]
    pub limits: CallLimits,
    /// Of the fuel it was given, what the call that used most of it used, of 1,000, since the module is live.
    #[serde(default)]
    pub fuel_peak_permille: u64,
    /// Fuel of the whole module in one tick: its share, and the most it used since it is live.
    #[serde(default)]
    pub tick_fuel: TickFuel,
    /// All of it.
    #[serde(flatten)]
    pub spent: Spent,
    /// By what its views are about: a call is divided among them by their number.
    pub subjects: Vec<SubjectCost>,
}

/// What views about one definition cost.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubjectCost {
    /// `npc/wolf`, `quest/wolves`.
    pub subject: String,
    /// Its part.
    #[serde(flatten)]
    pub spent: Spent,
}

/// A cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spent {
    /// Views asked about.
    pub views: u64,
    /// Fuel used.
    pub fuel: u64,
    /// Nanoseconds in the component and at its border.
    pub time_ns: u64,
}

impl Spent {
    /// What came on top of `before`; all of it, if a swap has begun anew with zero.
    fn since(self, before: Option<Self>) -> Self {
        let Some(before) = before.filter(|before| before.views <= self.views && before.fuel <= self.fuel)
        else {
            return self;
        };
        Self {
            views: self.views - before.views,
            fuel: self.fuel - before.fuel,
            time_ns: self.time_ns.saturating_sub(before.time_ns),
        }
    }
}

impl Costs {
    /// Asks all zones. Those that do not answer are left out.
    pub async fn collect(pipeline: &Pipeline, zones: &Zones) -> Self {
        let mut by_zone: BTreeMap<String, Vec<ExportStats>> = BTreeMap::new();
        for (zone, row) in script_stats(zones).await {
            by_zone.entry(zone).or_default().push(row);
        }
        let content = pipeline.content();
        let cost = |zone: &crate::zone::ZoneHandle| {
            let rows = by_zone.get(&*zone.name)?;
            Some(ZoneCost {
                zone: zone.name.to_string(),
                ticks: zone.stats.ticks(),
                phases: zone
                    .stats
                    .phases()
                    .iter()
                    .map(|(phase, nanos)| (phase.name().to_owned(), *nanos))
                    .collect(),
                exports: rows.iter().map(|row| export_cost(row, &content)).collect(),
            })
        };
        Self { tick_ms: pipeline.tick_ms(), zones: zones.iter().filter_map(|(_, zone)| cost(zone)).collect() }
    }

    /// What was spent between an earlier reading and this one.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let zones = self.zones.iter().map(|now| {
            let before = earlier.zones.iter().find(|before| before.zone == now.zone);
            // Another process ticks there.
            match before.filter(|before| before.ticks <= now.ticks) {
                Some(before) => now.since(before),
                None => now.clone(),
            }
        });
        Self { tick_ms: self.tick_ms, zones: zones.collect() }
    }
}

impl ZoneCost {
    fn since(&self, before: &Self) -> Self {
        let phase = |(name, nanos): (&String, &u64)| {
            let before = before.phases.get(name).copied().unwrap_or(0);
            (name.clone(), nanos.saturating_sub(before))
        };
        let export = |now: &ExportCost| {
            let before =
                before.exports.iter().find(|row| (&row.module, &row.export) == (&now.module, &now.export));
            now.since(before)
        };
        Self {
            zone: self.zone.clone(),
            ticks: self.ticks - before.ticks,
            phases: self.phases.iter().map(phase).collect(),
            exports: self.exports.iter().map(export).collect(),
        }
    }
}

impl ExportCost {
    fn since(&self, before: Option<&Self>) -> Self {
        let Some(before) = before.filter(|before| before.calls <= self.calls) else { return self.clone() };
        let subject = |now: &SubjectCost| {
            let before = before.subjects.iter().find(|row| row.subject == now.subject);
            let spent = now.spent.since(before.map(|row| row.spent));
            SubjectCost { subject: now.subject.clone(), spent }
        };
        Self {
            module: self.module.clone(),
            export: self.export.clone(),
            calls: self.calls - before.calls,
            fallbacks: self.fallbacks.saturating_sub(before.fallbacks),
            limits: self.limits,
            fuel_peak_permille: self.fuel_peak_permille,
            tick_fuel: self.tick_fuel,
            spent: self.spent.since(Some(before.spent)),
            subjects: self.subjects.iter().map(subject).collect(),
        }
    }
}

fn export_cost(row: &ExportStats, content: &Content) -> ExportCost {
    let counters = &row.counters;
    let mut subjects: BTreeMap<String, Spent> = BTreeMap::new();
    for part in &row.subjects {
        let name = definition(content, part.subject).unwrap_or_else(|| OTHER.to_owned());
        let sum = subjects.entry(name).or_default();
        sum.views += part.items;
        sum.fuel += part.fuel;
        sum.time_ns += part.time_ns;
    }
    ExportCost {
        module: row.label.clone(),
        export: row.export.name().to_owned(),
        calls: counters.calls,
        fallbacks: counters.fallbacks,
        limits: row.limits,
        fuel_peak_permille: counters.fuel_peak_permille,
        tick_fuel: row.tick_fuel,
        spent: Spent { views: counters.items, fuel: counters.fuel, time_ns: counters.time_ns },
        subjects: subjects.into_iter().map(|(subject, spent)| SubjectCost { subject, spent }).collect(),
    }
}

/// `KIND/NAME` of a definition that scripts are asked about.
pub fn definition(content: &Content, id: DefId) -> Option<String> {
    let named = |kind: &str, name: Option<&String>| name.map(|name| format!("{kind}/{name}"));
    named("npc", content.npcs.get(&id).map(|npc| &npc.name))
        .or_else(|| named("quest", content.quests.get(&id).map(|quest| &quest.name)))
        .or_else(|| named("dialog", content.dialogs.get(&id).map(|dialog| &dialog.name)))
        .or_else(|| named("ability", content.abilities.get(&id).map(|ability| &ability.name)))
        .or_else(|| named("status", content.statuses.get(&id).map(|status| &status.name)))
        .or_else(|| named("item", content.items.get(&id).map(|item| &item.name)))
        .or_else(|| named("event", content.events.get(&id).map(|event| &event.name)))
        .or_else(|| named("encounter", content.encounters.get(&id).map(|encounter| &encounter.name)))
        .or_else(|| named("recipe", content.recipes.get(&id).map(|recipe| &recipe.name)))
        .or_else(|| named("loot", content.loot_tables.get(&id).map(|table| &table.name)))
}

/// Shares of the tick, largest first: what `lore status --cost` and `lore top` show.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Shares {
    /// Time a tick has, milliseconds.
    pub tick_ms: u32,
    /// By zone.
    pub zones: Vec<ZoneShare>,
    /// By module.
    pub modules: Vec<Share>,
    /// By module and export.
    pub exports: Vec<Share>,
    /// By module, export and what the views are about.
    pub subjects: Vec<Share>,
}

/// What a zone's ticks consist of.
#[derive(Clone, Debug, Default, Serialize)]
pub struct ZoneShare {
    /// Its name.
    pub zone: String,
    /// Ticks that this is the average of.
    pub ticks: u64,
    /// Percent of the time a tick has.
    pub percent: f64,
    /// Microseconds a tick takes.
    pub micros: f64,
    /// Of these, by part; `scripts` is what is left out of `step`.
    pub parts: BTreeMap<String, f64>,
}

/// One line: what something costs in an average tick of a zone.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Share {
    /// Where.
    pub zone: String,
    /// Who.
    pub module: String,
    /// Which function; empty for a module as a whole.
    pub export: String,
    /// What about; empty for a function as a whole.
    pub subject: String,
    /// Percent of the time a tick has.
    pub percent: f64,
    /// Microseconds a tick.
    pub micros: f64,
    /// Fuel a tick.
    pub fuel: f64,
    /// Views a tick.
    pub views: f64,
    /// Nanoseconds a view.
    pub view_nanos: f64,
    /// Fuel a view.
    pub view_fuel: f64,
    /// What a call may cost, of a function as a whole.
    pub limits: Option<CallLimits>,
    /// Of the fuel it was given, what the call that used most of it used since the module is live, percent; of a
    /// function as a whole.
    pub call_peak_percent: Option<f64>,
    /// Of its share of a tick, what the module used in the tick that took most since it is live, percent; none
    /// of what views are about.
    pub tick_peak_percent: Option<f64>,
}

/// What was used of the fuel of one tick, percent.
fn tick_peak_percent(fuel: TickFuel) -> Option<f64> {
    fuel.limit.filter(|limit| *limit > 0).map(|limit| fuel.peak as f64 * 100.0 / limit as f64)
}

impl Shares {
    /// The shares that follow from what was spent.
    pub fn of(costs: &Costs) -> Self {
        let mut shares = Self { tick_ms: costs.tick_ms, ..Self::default() };
        for zone in costs.zones.iter().filter(|zone| zone.ticks > 0) {
            shares.add(zone);
        }
        let by_percent = |a: &Share, b: &Share| b.percent.total_cmp(&a.percent);
        shares.modules.sort_by(by_percent);
        shares.exports.sort_by(by_percent);
        shares.subjects.sort_by(by_percent);
        shares.zones.sort_by(|a, b| b.percent.total_cmp(&a.percent));
        shares
    }

    fn add(&mut self, zone: &ZoneCost) {
        let ticks = zone.ticks as f64;
        let percent = |micros: f64| micros / f64::from(self.tick_ms.max(1)) / 10.0;
        let share = |module: &str, export: &str, subject: &str, spent: Spent| {
            let micros = spent.time_ns as f64 / 1_000.0 / ticks;
            let per_view =
                |whole: u64| if spent.views == 0 { 0.0 } else { whole as f64 / spent.views as f64 };
            Share {
                zone: zone.zone.clone(),
                module: module.to_owned(),
                export: export.to_owned(),
                subject: subject.to_owned(),
                percent: percent(micros),
                micros,
                fuel: spent.fuel as f64 / ticks,
                views: spent.views as f64 / ticks,
                view_nanos: per_view(spent.time_ns),
                view_fuel: per_view(spent.fuel),
                ..Share::default()
            }
        };
        let (mut modules, mut scripts_ns) = (BTreeMap::<&str, (Spent, TickFuel)>::new(), 0);
        for row in zone.exports.iter().filter(|row| row.calls > 0) {
            let (whole, tick_fuel) = modules.entry(&row.module).or_default();
            *tick_fuel = row.tick_fuel;
            whole.views += row.spent.views;
            whole.fuel += row.spent.fuel;
            whole.time_ns += row.spent.time_ns;
            scripts_ns += row.spent.time_ns;
            self.exports.push(Share {
                limits: Some(row.limits),
                call_peak_percent: Some(row.fuel_peak_permille as f64 / 10.0),
                tick_peak_percent: tick_peak_percent(row.tick_fuel),
                ..share(&row.module, &row.export, "", row.spent)
            });
            let parts = row.subjects.iter().filter(|part| part.spent.fuel > 0);
            self.subjects
                .extend(parts.map(|part| share(&row.module, &row.export, &part.subject, part.spent)));
        }
        self.modules.extend(modules.into_iter().map(|(module, (spent, tick_fuel))| Share {
            tick_peak_percent: tick_peak_percent(tick_fuel),
            ..share(module, "", "", spent)
        }));
        let micros = |nanos: u64| nanos as f64 / 1_000.0 / ticks;
        let whole = micros(zone.phases.values().sum());
        let mut parts: BTreeMap<String, f64> =
            zone.phases.iter().map(|(name, nanos)| (name.clone(), micros(*nanos))).collect();
        if let Some(step) = parts.get_mut("step") {
            *step = (*step - micros(scripts_ns)).max(0.0);
        }
        parts.insert("scripts".to_owned(), micros(scripts_ns));
        self.zones.push(ZoneShare {
            zone: zone.zone.clone(),
            ticks: zone.ticks,
            percent: percent(whole),
            micros: whole,
            parts,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(ticks: u64, calls: u64, wolf: u64, bear: u64) -> Costs {
        let spent = |fuel: u64| Spent { views: fuel / 100, fuel, time_ns: fuel * 10 };
        let part = |name: &str, fuel| SubjectCost { subject: name.to_owned(), spent: spent(fuel) };
        let export = ExportCost {
            module: "wolf@0.1.0+1".to_owned(),
            export: "npc.think".to_owned(),
            calls,
            limits: CallLimits { fuel_per_item: 10_000, ..CallLimits::default() },
            fuel_peak_permille: 125,
            tick_fuel: TickFuel { limit: Some(80_000_000), peak: 2_000_000 },
            spent: spent(wolf + bear),
            subjects: vec![part("npc/bear", bear), part("npc/wolf", wolf)],
            ..ExportCost::default()
        };
        let phases = [("step".to_owned(), 50_000 * ticks), ("settle".to_owned(), 10_000 * ticks)].into();
        let zone = ZoneCost { zone: "greywood".to_owned(), ticks, phases, exports: vec![export] };
        Costs { tick_ms: 50, zones: vec![zone] }
    }

    #[test]
    fn shares_are_those_of_the_time_between_two_readings() {
        let spent = reading(30, 30, 40_000, 9_000).since(&reading(10, 10, 10_000, 9_000));
        let shares = Shares::of(&spent);
        let export = &shares.exports[0];
        assert_eq!((export.micros, export.fuel, export.views), (15.0, 1_500.0, 15.0));
        assert_eq!((export.percent, export.view_nanos, export.view_fuel), (0.03, 1_000.0, 100.0));
        // What was the most was so since the module is live.
        assert_eq!((export.call_peak_percent, export.tick_peak_percent), (Some(12.5), Some(2.5)));
        assert_eq!(export.limits.map(|limits| limits.fuel_per_item), Some(10_000));
        assert_eq!(
            (shares.modules[0].call_peak_percent, shares.modules[0].tick_peak_percent),
            (None, Some(2.5))
        );
        assert_eq!(shares.subjects[0].tick_peak_percent, None);
        let subjects: Vec<&str> = shares.subjects.iter().map(|row| row.subject.as_str()).collect();
        assert_eq!(subjects, ["npc/wolf"], "the bear had nothing to decide");
        assert_eq!(shares.modules[0].micros, 15.0);
        let zone = &shares.zones[0];
        assert_eq!((zone.ticks, zone.micros, zone.percent), (20, 60.0, 0.12));
        assert_eq!((zone.parts["step"], zone.parts["scripts"], zone.parts["settle"]), (35.0, 15.0, 10.0));
    }

    #[test]
    fn a_module_that_was_swapped_in_between_begins_with_zero() {
        let spent = reading(30, 5, 400, 0).since(&reading(10, 10, 10_000, 9_000));
        assert_eq!(spent.zones[0].exports[0].spent.fuel, 400);
        assert_eq!(spent.zones[0].ticks, 20);
        assert_eq!(Shares::of(&reading(0, 0, 0, 0)).zones.len(), 0, "nothing has ticked");
    }
}
