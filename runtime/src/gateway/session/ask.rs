//! From the calls of the schema to what is asked of the character's zone.

use crate::client::limits::BATCH_MOVES;
use crate::client::names;
use crate::client::rpc::RpcError;
use crate::zone::Ask;
use protocol::v1::WorldMove;
use protocol::v1::call::Method;
use sim::content::Position;
use sim::input::Command;
use sim::{DuelId, EntityId, def_id};

/// What the character's zone is asked for by a method; those that are not for it were dispatched before.
pub(super) fn ask(method: Method) -> Result<Ask, RpcError> {
    let command = match method {
        Method::WorldMove(to) => Command::Move { seq: to.seq, to: Position { x_mm: to.x, y_mm: to.y } },
        Method::WorldPositionBatch(batch) => return moves(&batch.moves),
        Method::CombatAttack(on) => Command::Attack { target: EntityId(on.target) },
        Method::CombatUseSkill(skill) => Command::UseSkill {
            ability: definition("ability", &skill.ability),
            target: skill.target.map(EntityId),
        },
        Method::CombatAuto(auto) => Command::AutoDuel { on: auto.on },
        Method::CombatSurrender(_) => Command::Surrender,
        Method::NpcInteract(with) => Command::Interact { target: EntityId(with.target) },
        Method::DialogChoose(choose) => return Ok(Ask::Choose(choose.choice)),
        Method::DialogClose(_) => Command::CloseDialog,
        Method::QuestList(_) => return Ok(Ask::Quests),
        Method::QuestAccept(it) => Command::AcceptQuest { quest: definition("quest", &it.quest) },
        Method::QuestTurnIn(it) => Command::TurnInQuest { quest: definition("quest", &it.quest) },
        Method::QuestAbandon(it) => Command::AbandonQuest { quest: definition("quest", &it.quest) },
        Method::InventoryList(_) => return Ok(Ask::Inventory),
        Method::InventoryEquip(it) => Command::Equip { slot: slot("slot", it.slot)? },
        Method::InventoryUnequip(it) => {
            let none = "`from` is none of main_hand, off_hand, head, chest, legs, feet";
            let from = names::equip_slot(&it.from);
            Command::Unequip { from: from.ok_or_else(|| RpcError::InvalidParams(none.to_owned()))? }
        }
        Method::InventoryUse(it) => Command::UseItem { slot: slot("slot", it.slot)? },
        Method::InventoryDrop(it) => Command::Drop { slot: slot("slot", it.slot)?, count: it.count },
        Method::InventoryMove(it) => {
            Command::MoveItem { from: slot("from", it.from)?, to: slot("to", it.to)?, count: it.count }
        }
        Method::ShopList(shop) => Command::ListShop { npc: EntityId(shop.npc) },
        Method::ShopBuy(deal) => Command::Buy {
            npc: EntityId(deal.npc),
            item: definition("item", &deal.item),
            count: deal.count,
            price: deal.price,
        },
        Method::ShopSell(deal) => Command::Sell {
            npc: EntityId(deal.npc),
            slot: slot("slot", deal.slot)?,
            count: deal.count,
            price: deal.price,
        },
        Method::CraftList(_) => return Ok(Ask::Recipes),
        Method::CraftMake(it) => return Ok(Ask::Craft { recipe: it.recipe, count: it.count.unwrap_or(1) }),
        Method::DuelChallenge(whom) => Command::Challenge { target: EntityId(whom.target) },
        Method::DuelAccept(it) => Command::AcceptDuel { duel: DuelId(it.duel) },
        Method::DuelDecline(it) => Command::DeclineDuel { duel: DuelId(it.duel) },
        Method::DuelAct(act) => Command::DuelAct {
            duel: DuelId(act.duel),
            ability: act.ability.map(|name| definition("ability", &name)),
        },
        Method::ChatSend(line) => Command::Chat { text: line.text },
        Method::StateSync(_) => return Ok(Ask::Snapshot),
        Method::WorldJoin(_)
        | Method::WorldLeave(_)
        | Method::WorldAck(_)
        | Method::SystemPing(_)
        | Method::SessionResume(_)
        | Method::SessionAck(_)
        | Method::AuthRefresh(_)
        | Method::PresenceUpdate(_)
        | Method::PresenceSubscribe(_)
        | Method::PresenceUnsubscribe(_)
        | Method::PresenceQuery(_)
        | Method::SystemSubscribe(_)
        | Method::SystemUnsubscribe(_) => return Err(RpcError::Internal),
    };
    Ok(Ask::Command(command))
}

fn moves(moves: &[WorldMove]) -> Result<Ask, RpcError> {
    if !(1..=BATCH_MOVES).contains(&moves.len()) {
        let why = format!("`moves`: it holds {}, must be 1 to {BATCH_MOVES}", moves.len());
        return Err(RpcError::InvalidParams(why));
    }
    let place = |to: &WorldMove| (to.seq, Position { x_mm: to.x, y_mm: to.y });
    Ok(Ask::Moves(moves.iter().map(place).collect()))
}

fn definition(kind: &str, name: &str) -> sim::DefId {
    def_id(&format!("{kind}/{name}"))
}

fn slot(member: &str, slot: u32) -> Result<u16, RpcError> {
    u16::try_from(slot)
        .map_err(|_| RpcError::InvalidParams(format!("`{member}`: {slot} is no slot; they are 0 to 31")))
}
