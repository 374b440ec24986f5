//! What the dead leave: the content's tables, shown to the loot script whole, and the pieces it
//! draws of them, checked and handed over.

use crate::content::{Content, LootEntry, Rarity};
use crate::death::Slain;
use crate::ids::DefId;
use crate::inventory::Cause;
use crate::limits;
use crate::output::{Output, Reason};
use crate::rng::{Purpose, fork};
use crate::rules::{Answer, Haul, RowView, Rules, Spoils, TableView};
use crate::world::World;

impl World {
    /// Gold and loot for who did most; what does not fit lies where the prey fell.
    pub(crate) fn share_loot(&mut self, slain: &[Slain], rules: &mut dyn Rules, out: &mut Output) {
        let mut spoils = Vec::with_capacity(slain.len());
        let mut graves = Vec::with_capacity(slain.len());
        for death in slain {
            if let Some(view) = self.view_spoils(death, spoils.len() as u32) {
                spoils.push(view);
                graves.push(death);
            }
        }
        if spoils.is_empty() {
            return;
        }
        let mut hauls = Vec::with_capacity(spoils.len());
        rules.roll_loot(&self.context(), &spoils, &mut hauls);
        assert_eq!(hauls.len(), spoils.len(), "one haul per spoils");
        for ((death, view), answer) in graves.into_iter().zip(&spoils).zip(&hauls) {
            self.hand_out(death, view, answer, out);
        }
    }

    fn view_spoils(&self, death: &Slain, id: u32) -> Option<Spoils> {
        let npc = self.content.npcs.get(&death.template)?;
        let looter = death.fighters.first()?;
        let (tables, rows) = tables(&self.content, npc.loot);
        Some(Spoils {
            id,
            looter: looter.entity,
            looter_level: looter.level,
            luck_permille: self.entities.entry(looter.entity).map_or(0, |looter| looter.stats.luck),
            prey: death.prey,
            npc: death.template,
            npc_level: npc.level,
            boss: npc.boss,
            fighters: death.fighters.len() as u32,
            gold_least: npc.gold.0,
            gold_most: npc.gold.1,
            tables,
            rows,
            seed: fork(self.seed, self.tick, death.prey.0, Purpose::Loot),
        })
    }

    fn hand_out(&mut self, death: &Slain, view: &Spoils, answer: &Answer<Haul>, out: &mut Output) {
        let Some(looter) = death.fighters.first().map(|looter| looter.id) else { return };
        let cause = Cause { origin: answer.origin, request: None, reason: Reason::Loot(death.template) };
        let haul = &answer.value;
        self.change_gold(looter, i64::from(haul.gold.min(view.gold_limit())), cause, out);
        for piece in haul.pieces.iter().take(limits::LOOT_PIECES) {
            let Some(row) = view.row_of(*piece) else { continue };
            if !self.content.items.contains_key(&row.item) {
                continue;
            }
            let left = self.give_items(looter, row.item, piece.count, cause, out);
            if left > 0 {
                self.spawn_ground_item(row.item, left, death.at);
            }
        }
    }
}

/// The table `root` and those it leads to, with all their rows; bounded whatever the content says.
fn tables(content: &Content, root: DefId) -> (Vec<TableView>, Vec<RowView>) {
    let (mut tables, mut rows) = (Vec::new(), Vec::new());
    let mut found: Vec<DefId> = Vec::new();
    found.extend(content.loot_tables.contains_key(&root).then_some(root));
    while let Some(&id) = found.get(tables.len()) {
        let Some(definition) = content.loot_tables.get(&id) else { break };
        let table = tables.len() as u32;
        tables.push(TableView { table: id, rolls: definition.rolls });
        let always = definition.always.iter().map(|entry| (true, entry));
        for (guaranteed, entry) in always.chain(definition.entries.iter().map(|entry| (false, entry))) {
            if rows.len() < limits::LOOT_ROWS {
                rows.push(row(content, entry, (table, guaranteed), &mut found));
            }
        }
    }
    (tables, rows)
}

fn row(
    content: &Content,
    entry: &LootEntry,
    (table, guaranteed): (u32, bool),
    found: &mut Vec<DefId>,
) -> RowView {
    let known = found.iter().position(|id| *id == entry.nested);
    let room = content.loot_tables.contains_key(&entry.nested) && found.len() < limits::LOOT_TABLES;
    let nested = known.unwrap_or_else(|| {
        found.extend(room.then_some(entry.nested));
        if room { found.len() - 1 } else { 0 }
    });
    RowView {
        table,
        guaranteed,
        weight: entry.weight,
        item: entry.item,
        nested: nested as u32,
        rarity: content.items.get(&entry.item).map_or(Rarity::Poor, |item| item.rarity),
        least: entry.count.0,
        most: entry.count.1,
    }
}
