//! Fees: what services cost, of which the content says the most and the economy script how much of it.

use crate::ids::{CharacterId, DefId};
use crate::inventory::Cause;
use crate::output::{Output, Reason};
use crate::rules::{Answer, Charge, Fee, Rules, Service};
use crate::world::{Character, World};

impl World {
    /// Asks what these services cost; none costs more than the content says, and what that says is free is free.
    pub(crate) fn ask_fees(&self, charges: &[Charge], rules: &mut dyn Rules) -> Vec<Answer<Fee>> {
        let asked: Vec<Charge> = charges.iter().filter(|charge| charge.amount > 0).copied().collect();
        let mut fees = Vec::with_capacity(asked.len());
        if !asked.is_empty() {
            rules.fees(&self.context(), &asked, &mut fees);
            assert_eq!(fees.len(), asked.len(), "one fee per charge");
        }
        let mut fees = fees.into_iter();
        let fee = |charge: &Charge| {
            let free = Answer { value: Fee { id: charge.id, gold: 0 }, origin: self.content_origin() };
            let answer = if charge.amount > 0 { fees.next() } else { None };
            answer.map_or(free, |Answer { value, origin }| {
                let gold = value.gold.min(charge.amount);
                Answer { value: Fee { id: charge.id, gold }, origin }
            })
        };
        charges.iter().map(fee).collect()
    }

    /// One service for a character.
    pub(crate) fn view_charge(
        id: u32,
        character: &Character,
        (service, subject, count): (Service, DefId, u32),
        amount: u32,
    ) -> Charge {
        let state = &character.state;
        Charge {
            id,
            service,
            character: character.entity,
            level: state.level,
            subject,
            count,
            amount,
            balance: u32::try_from(state.gold).unwrap_or(u32::MAX),
        }
    }

    /// What the dead pay for their return, as far as they have it.
    pub(crate) fn charge_returns(
        &mut self,
        returned: &[CharacterId],
        rules: &mut dyn Rules,
        out: &mut Output,
    ) {
        let amount = self.content.progression.respawn_fee;
        if returned.is_empty() || amount == 0 {
            return;
        }
        let service = (Service::Respawn, DefId::NONE, 1);
        let characters = returned.iter().map(|id| &self.characters[id]);
        let charges =
            (0..).zip(characters).map(|(id, character)| Self::view_charge(id, character, service, amount));
        let charges: Vec<Charge> = charges.collect();
        for (id, fee) in returned.iter().zip(self.ask_fees(&charges, rules)) {
            let cause = Cause { origin: fee.origin, request: None, reason: Reason::Fee(Service::Respawn) };
            self.change_gold(*id, -i64::from(fee.value.gold), cause, out);
        }
    }
}
