//! What an event pays: the script weighs what each did, the host pays that share of the content's reward.

use super::Part;
use crate::content::{ItemCount, Reward};
use crate::entity::Entity;
use crate::ids::{CharacterId, DefId};
use crate::inventory::Cause;
use crate::limits::EVENT_REWARD_PERMILLE;
use crate::output::{FactKind, Output, Reason};
use crate::quest::part;
use crate::rng::{Purpose, fork};
use crate::rules::{Answer, Merit, Prize, Rules};
use crate::world::World;
use std::collections::BTreeMap;

impl World {
    /// Pays who took part in events that came to a good end and is still in the zone.
    pub(super) fn reward_events(
        &mut self,
        script: DefId,
        won: Vec<(DefId, BTreeMap<CharacterId, Part>)>,
        rules: &mut dyn Rules,
        out: &mut Output,
    ) {
        let (mut merits, mut winners) = (Vec::new(), Vec::new());
        for (event, parts) in won {
            self.view_merits(event, parts, &mut merits, &mut winners);
        }
        if merits.is_empty() {
            return;
        }
        let mut prizes = Vec::with_capacity(merits.len());
        rules.reward_merits(&self.context(), script, &merits, &mut prizes);
        assert_eq!(prizes.len(), merits.len(), "one prize per merit");
        for ((winner, merit), answer) in winners.into_iter().zip(&merits).zip(&prizes) {
            self.pay(winner, merit, answer, out);
        }
    }

    /// Who did most comes first; of those who did the same, the elder character.
    fn view_merits(
        &self,
        event: DefId,
        parts: BTreeMap<CharacterId, Part>,
        merits: &mut Vec<Merit>,
        winners: &mut Vec<CharacterId>,
    ) {
        let participants = parts.len() as u32;
        let all: u128 = parts.values().map(|part| u128::from(part.points)).sum();
        let mut ranked: Vec<(CharacterId, Part)> = parts.into_iter().collect();
        ranked.sort_by_key(|(id, part)| (std::cmp::Reverse(part.points), *id));
        for (rank, (id, part)) in (1..).zip(ranked) {
            let Some(character) = self.characters.get(&id) else { continue };
            merits.push(Merit {
                id: merits.len() as u32,
                event,
                character: character.entity,
                level: character.state.level,
                points: part.points,
                kills: part.kills,
                share_permille: (u128::from(part.points) * 1_000 / all.max(1)) as u32,
                rank,
                participants,
                seed: fork(
                    self.seed,
                    self.tick,
                    character.entity.0 ^ (u64::from(event.0) << 32),
                    Purpose::Event,
                ),
            });
            winners.push(id);
        }
    }

    /// What does not fit into the inventory lies at the character's feet, as loot does.
    fn pay(&mut self, id: CharacterId, merit: &Merit, answer: &Answer<Prize>, out: &mut Output) {
        let permille = answer.value.reward_permille.min(EVENT_REWARD_PERMILLE);
        let Some(event) = self.content.events.get(&merit.event).filter(|_| permille > 0) else { return };
        let Reward { experience, gold, items } = event.reward.clone();
        let experience = part(experience, permille);
        let gold = part(gold, permille);
        let items: Vec<ItemCount> = items
            .iter()
            .map(|some| ItemCount { count: part(some.count, permille) as u32, ..*some })
            .filter(|some| some.count > 0)
            .collect();
        let cause = Cause { origin: answer.origin, request: None, reason: Reason::Event(merit.event) };
        let kind = FactKind::EventReward {
            event: merit.event,
            rank: merit.rank,
            participants: merit.participants,
            points: merit.points,
            experience,
            gold,
            items: items.clone(),
        };
        Self::fact(out, id, answer.origin, None, kind);
        if experience > 0 {
            self.gain_experience(id, experience, cause, out);
        }
        self.change_gold(id, gold.cast_signed(), cause, out);
        let at = self.entities.entry(merit.character).map(|entity: &Entity| entity.at);
        for some in items {
            let left = self.give_items(id, some.item, some.count, cause, out);
            if let Some(at) = at.filter(|_| left > 0) {
                self.spawn_ground_item(some.item, left, at);
            }
        }
    }
}
