//! Where a character goes whose own zone is full: the least populated zone with room that it could
//! have walked to, and rather among people than among wolves.

use crate::zone::{Seat, ZoneIndex, Zones};
use sim::DefId;
use sim::content::Content;
use std::collections::BTreeSet;

/// A seat in the zone `wanted`, or in the best other one if that is full; `None` if all are.
pub fn seat(zones: &Zones, content: &Content, wanted: DefId) -> Option<(ZoneIndex, Seat)> {
    let own = zones.find(wanted).and_then(|index| Some((index, zones.handle(index).reserve()?)));
    own.or_else(|| {
        let mut others: Vec<(bool, usize, ZoneIndex)> = within_reach(content, wanted)
            .into_iter()
            .filter_map(|zone| {
                let index = zones.find(zone)?;
                Some((is_dangerous(content, zone), zones.handle(index).population(), index))
            })
            .collect();
        others.sort_unstable();
        // The next one, should the last place be taken meanwhile.
        others.into_iter().find_map(|(_, _, index)| Some((index, zones.handle(index).reserve()?)))
    })
}

/// All zones that can be reached from `start` by crossings, without itself.
fn within_reach(content: &Content, start: DefId) -> BTreeSet<DefId> {
    let mut reached = BTreeSet::from([start]);
    let mut frontier = vec![start];
    while let Some(zone) = frontier.pop().and_then(|id| content.zones.get(&id)) {
        frontier.extend(zone.crossings.iter().map(|crossing| crossing.to).filter(|to| reached.insert(*to)));
    }
    reached.remove(&start);
    reached
}

/// Whether somebody lives there who attacks strangers.
fn is_dangerous(content: &Content, zone: DefId) -> bool {
    content.zones.get(&zone).is_some_and(|zone| {
        zone.spawns.iter().any(|spawn| content.npcs.get(&spawn.npc).is_some_and(|npc| npc.hostile))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use sim::def_id;

    #[test]
    fn the_city_is_within_reach_of_downtown_and_only_the_wood_is_dangerous() {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../content");
        let files = crate::content::read_files(&root).expect("the starter content is there");
        let (content, _) = crate::content::load_files(&files).expect("and good");
        let downtown = def_id("zone/downtown");
        let mut names: Vec<_> = within_reach(&content, downtown)
            .into_iter()
            .map(|id| (content.zones[&id].name.as_str(), is_dangerous(&content, id)))
            .collect();
        names.sort_unstable();
        assert_eq!(names, [("greywood", true), ("international", false), ("westview", false)]);
    }

    #[test]
    fn a_zone_without_ways_out_reaches_nothing() {
        assert_eq!(within_reach(&Content::default(), def_id("zone/nowhere")), BTreeSet::new());
    }
}
