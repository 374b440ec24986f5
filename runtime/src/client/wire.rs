//! From what the simulation knows to the messages of `docs/protocol.md`. What is told every tick is in
//! `zone::encode`.

use super::frame::to_json;
use super::limits::LIST_BYTES;
use super::names::{
    deed_name, equip_slot_name, event_outcome_name, hit_name, item_kind_name, lighting_name,
    quest_state_name, rarity_name, weather_name,
};
use protocol::v1;
use serde::Serialize;
use sim::DefId;
use sim::content::{AbilityTarget, Content, EquipSlot, ItemCount};
use sim::input::{CharacterState, QuestProgress, Stack};
use sim::output::{DuelBlow, DuelState, DuelistState, Environment, EventReport, MoveState, PriceList};
use sim::rules::QuestState;

/// The character as the store has it; `experience_to_next` as the zone says.
pub fn character(state: &CharacterState, content: &Content, experience_to_next: u64) -> v1::Character {
    let class = content.classes.get(&state.class);
    let basic = class.map(|class| class.basic);
    let others = class.into_iter().flat_map(|class| class.abilities.iter().copied());
    let abilities = basic
        .into_iter()
        .chain(others.filter(|ability| Some(*ability) != basic))
        .filter_map(|id| content.abilities.get(&id))
        .map(|ability| v1::Ability {
            name: ability.name.clone(),
            title: ability.title.clone(),
            range: ability.range_mm,
            cooldown_ms: ability.cooldown_ms,
            mana: ability.mana_cost,
            energy: ability.energy_cost,
            target: match ability.target {
                AbilityTarget::Enemy => "enemy",
                AbilityTarget::Caster => "caster",
                AbilityTarget::Ally => "ally",
            }
            .to_owned(),
            required_level: ability.required_level,
        })
        .collect();
    v1::Character {
        id: state.id.0,
        name: state.name.clone(),
        class: class.map_or_else(String::new, |class| class.name.clone()),
        level: state.level,
        experience: state.experience,
        experience_to_next,
        gold: state.gold,
        abilities,
    }
}

/// What a character has.
pub fn inventory(state: &CharacterState, content: &Content) -> v1::Inventory {
    let slot = |(&slot, stack): (&u16, &Stack)| {
        let item = content.items.get(&stack.item)?;
        Some(v1::Slot {
            slot: slot.into(),
            item: item.name.clone(),
            title: item.title.clone(),
            count: stack.count,
            kind: item_kind_name(item.kind).to_owned(),
            rarity: rarity_name(item.rarity).to_owned(),
        })
    };
    let worn = |(slot, item): (&EquipSlot, &DefId)| {
        Some((equip_slot_name(*slot).to_owned(), content.items.get(item)?.name.clone()))
    };
    v1::Inventory {
        gold: state.gold,
        slots: state.inventory.iter().filter_map(slot).collect(),
        equipment: state.equipment.iter().filter_map(worn).collect(),
    }
}

/// A slot as it is now.
pub fn slot_update(slot: u16, stack: Option<Stack>, content: &Content) -> v1::SlotUpdate {
    let item = stack.and_then(|stack| content.items.get(&stack.item));
    v1::SlotUpdate {
        slot: slot.into(),
        item: item.map(|item| item.name.clone()),
        title: item.map(|item| item.title.clone()),
        count: stack.map_or(0, |stack| stack.count),
    }
}

/// What a shop asks and pays; `None` if the content no longer has it.
pub fn shop(list: &PriceList, by: &str, content: &Content) -> Option<v1::Shop> {
    let shop = content.shops.get(&list.shop)?;
    let price = |price: &sim::output::Price| {
        let item = content.items.get(&price.item)?;
        Some(v1::Price {
            item: item.name.clone(),
            title: item.title.clone(),
            price: price.unit,
            kind: item_kind_name(item.kind).to_owned(),
            rarity: rarity_name(item.rarity).to_owned(),
        })
    };
    Some(v1::Shop {
        shop: shop.name.clone(),
        title: shop.title.clone(),
        asks: list.asks.iter().filter_map(price).collect(),
        pays: list.pays.iter().filter_map(price).collect(),
        by: by.to_owned(),
    })
}

/// A quest of a character; `None` if the content no longer has it.
pub fn quest(id: DefId, progress: &QuestProgress, content: &Content) -> Option<v1::Quest> {
    let quest = content.quests.get(&id)?;
    let done = progress.done.iter().copied().chain(std::iter::repeat(0));
    let objectives = quest.objectives.iter().zip(done).map(|(objective, done)| v1::Objective {
        text: objective.text.clone(),
        deed: deed_name(objective.deed).to_owned(),
        done,
        needed: objective.needed,
    });
    Some(v1::Quest {
        name: quest.name.clone(),
        title: quest.title.clone(),
        text: quest.text.clone(),
        state: quest_state_name(progress.state).to_owned(),
        objectives: objectives.collect(),
    })
}

/// Every quest the character ever accepted, those first that it can still do something about; as many as fit.
pub fn quests(state: &CharacterState, content: &Content) -> v1::Quests {
    let mut kept: Vec<_> = state.quests.iter().collect();
    kept.sort_by_key(|(_, kept)| !matches!(kept.value.state, QuestState::Active | QuestState::Complete));
    let quests = kept.into_iter().filter_map(|(id, kept)| quest(*id, &kept.value, content));
    v1::Quests { quests: fitting(quests.collect()) }
}

/// Those from the beginning of a list that fit into one answer.
fn fitting<M: Serialize>(mut list: Vec<M>) -> Vec<M> {
    let mut left = LIST_BYTES;
    let fit = list.iter().take_while(|item| {
        // The longer of the encodings, and a comma.
        let bytes = to_json(*item).len() + 1;
        let fits = bytes <= left;
        left = left.saturating_sub(bytes);
        fits
    });
    let fit = fit.count();
    list.truncate(fit);
    list
}

/// Time of day and weather.
pub fn environment(environment: Environment) -> v1::Environment {
    v1::Environment {
        minute_of_day: environment.minute_of_day,
        lighting: lighting_name(environment.lighting).to_owned(),
        weather: weather_name(environment.weather).to_owned(),
        temperature: f64::from(environment.temperature_dc) / 10.0,
    }
}

/// Where an event stands; `None` if the content no longer has it.
pub fn world_event(report: &EventReport, content: &Content, tick_ms: u32) -> Option<v1::WorldEvent> {
    let event = content.events.get(&report.event)?;
    let stage = event.stages.get((report.stage as usize).wrapping_sub(1));
    Some(v1::WorldEvent {
        name: event.name.clone(),
        title: event.title.clone(),
        state: event_outcome_name(report.outcome).to_owned(),
        stage: report.stage,
        stages: event.stages.len() as u32,
        text: stage.map_or_else(String::new, |stage| stage.text.clone()),
        kills: report.kills,
        kills_needed: stage.map_or(0, |stage| stage.kills),
        ends_in_ms: u64::from(report.ends_in_ticks) * u64::from(tick_ms),
        x: event.at.x_mm,
        y: event.at.y_mm,
        radius: event.radius_mm,
    })
}

/// Items that were paid, those that the content has.
pub fn prizes(items: &[ItemCount], content: &Content) -> Vec<v1::Prize> {
    let prize = |some: &ItemCount| {
        let item = content.items.get(&some.item)?;
        Some(v1::Prize { item: item.name.clone(), title: item.title.clone(), count: some.count })
    };
    items.iter().filter_map(prize).collect()
}

/// A duel as one of the two is shown it; `by` decided it, `blow_by` the swing of its last turn.
pub fn duel_turn(
    state: &DuelState,
    content: &Content,
    tick_ms: u32,
    by: &str,
    blow_by: &str,
) -> v1::DuelTurn {
    let last = |blow: &DuelBlow| v1::DuelBlow {
        actor: blow.actor.0,
        ability: content.abilities.get(&blow.ability).map(|ability| ability.name.clone()),
        hit: blow.hit.map(|hit| hit_name(hit).to_owned()),
        amount: blow.amount,
        heal: blow.heal,
        timed_out: blow.timed_out,
        by: blow_by.to_owned(),
    };
    v1::DuelTurn {
        duel: state.duel.0,
        round: state.round,
        actor: state.actor.some().map(|actor| actor.0),
        turn_ms: state.turn_ticks.saturating_mul(tick_ms),
        sides: state.sides.iter().map(duelist).collect(),
        moves: state.moves.iter().filter_map(|known| duel_move(known, content)).collect(),
        last: state.last.as_ref().map(last),
        by: by.to_owned(),
    }
}

fn duelist(side: &DuelistState) -> v1::Duelist {
    v1::Duelist {
        entity: side.entity.0,
        hp: side.health,
        hp_max: side.health_max,
        mana: side.mana,
        mana_max: side.mana_max,
        energy: side.energy,
        energy_max: side.energy_max,
        auto: side.auto,
    }
}

fn duel_move(known: &MoveState, content: &Content) -> Option<v1::DuelMove> {
    let ability = content.abilities.get(&known.ability)?;
    Some(v1::DuelMove {
        ability: ability.name.clone(),
        title: ability.title.clone(),
        mana: known.mana_cost,
        energy: known.energy_cost,
        cooldown_turns: known.cooldown_turns,
        ready: known.ready,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_cut_where_its_answer_would_be_too_long() {
        let entry = |length: usize| "x".repeat(length);
        assert_eq!(fitting(vec![entry(10); 100]).len(), 100);
        let fit = fitting(vec![entry(10_000); 100]);
        assert_eq!(fit.len(), LIST_BYTES / 10_003);
        // No gap: what comes behind the first that does not fit is left out, too.
        assert_eq!(fitting(vec![entry(10), entry(LIST_BYTES), entry(10)]).len(), 1);
    }
}
