//! Listening to what scripts are asked about one entity, and what they answer.

use sim::rules::{
    Act, Answer, Attack, Attempt, Bout, Cast, Charge, Context, Conversation, Course, Crafted, Deal,
    Decision as NpcDecision, Decree, DialogReply, Direction, EventMoment, EventOccasion, Fall, Fee, Gain,
    Grown, Growth, Haul, Inquiry, Judgement, Kill, LevelStep, Line, Merit, Moment, Origin, Outcome, Pairing,
    Perception, Plan, Prize, Pulse, PulseOutcome, QuestStep, Quote, Requirement, Rules, Spoils, Terms, Toll,
    Turn,
};
use sim::{DefId, EntityId};
use std::collections::VecDeque;
use std::fmt::Debug;

/// Decisions kept, the newest; a longer stretch of ticks wants a narrower question.
const DECISIONS: usize = 10_000;

/// One decision about the entity in focus.
#[derive(Clone, Debug)]
pub struct Decision {
    /// When.
    pub tick: u64,
    /// `combat.resolve`.
    pub export: &'static str,
    /// Who decided.
    pub origin: Origin,
    /// What the script was shown.
    pub view: String,
    /// What it answered.
    pub answer: String,
}

/// Collects decisions about one entity.
#[derive(Debug)]
pub struct Focus {
    entity: EntityId,
    /// The one tick that is of interest; none: all are.
    only: Option<u64>,
    /// What was heard last, in order.
    pub decisions: VecDeque<Decision>,
    /// Older decisions, beyond the limit.
    pub left_out: u64,
}

impl Focus {
    /// Nothing heard yet.
    pub fn on(entity: EntityId) -> Self {
        Self { entity, only: None, decisions: VecDeque::new(), left_out: 0 }
    }

    /// Hears of one tick only.
    #[must_use]
    pub fn in_tick(mut self, tick: u64) -> Self {
        self.only = Some(tick);
        self
    }

    fn hear<V: Debug, A: Debug>(
        &mut self,
        ctx: &Context,
        export: &'static str,
        views: &[V],
        answers: &[Answer<A>],
        concerns: impl Fn(&V, EntityId) -> bool,
    ) {
        if self.only.is_some_and(|only| only != ctx.tick) {
            return;
        }
        for (view, answer) in views.iter().zip(answers).filter(|(view, _)| concerns(view, self.entity)) {
            if self.decisions.len() == DECISIONS {
                self.decisions.pop_front();
                self.left_out += 1;
            }
            self.decisions.push_back(Decision {
                tick: ctx.tick,
                export,
                origin: answer.origin,
                view: format!("{view:#?}"),
                answer: format!("{:#?}", answer.value),
            });
        }
    }
}

/// Rules that are listened to.
pub(super) struct Overheard<'a> {
    pub(super) rules: &'a mut dyn Rules,
    pub(super) focus: &'a mut Focus,
}

impl Rules for Overheard<'_> {
    fn plan_casts(&mut self, ctx: &Context, casts: &[Cast], out: &mut Vec<Answer<Plan>>) {
        self.rules.plan_casts(ctx, casts, out);
        let concerns = |cast: &Cast, entity| cast.caster == entity || cast.target == entity;
        self.focus.hear(ctx, "ability.plan-casts", casts, out, concerns);
    }

    fn resolve(&mut self, ctx: &Context, attacks: &[Attack], out: &mut Vec<Answer<Outcome>>) {
        self.rules.resolve(ctx, attacks, out);
        let concerns = |attack: &Attack, entity| attack.attacker == entity || attack.defender == entity;
        self.focus.hear(ctx, "combat.resolve", attacks, out, concerns);
    }

    fn pulse_statuses(&mut self, ctx: &Context, pulses: &[Pulse], out: &mut Vec<Answer<PulseOutcome>>) {
        self.rules.pulse_statuses(ctx, pulses, out);
        let concerns = |pulse: &Pulse, entity| pulse.source == entity || pulse.bearer == entity;
        self.focus.hear(ctx, "ability.pulse-statuses", pulses, out, concerns);
    }

    fn think(
        &mut self,
        ctx: &Context,
        script: DefId,
        npcs: &[Perception],
        out: &mut Vec<Answer<NpcDecision>>,
    ) {
        self.rules.think(ctx, script, npcs, out);
        self.focus.hear(ctx, "npc.think", npcs, out, |npc, entity| npc.id == entity);
    }

    fn advance(
        &mut self,
        ctx: &Context,
        script: DefId,
        inquiries: &[Inquiry],
        out: &mut Vec<Answer<QuestStep>>,
    ) {
        self.rules.advance(ctx, script, inquiries, out);
        self.focus.hear(ctx, "quest.advance", inquiries, out, |inquiry, entity| inquiry.entity == entity);
    }

    fn converse(
        &mut self,
        ctx: &Context,
        script: DefId,
        talks: &[Conversation],
        out: &mut Vec<Answer<DialogReply>>,
    ) {
        self.rules.converse(ctx, script, talks, out);
        let concerns = |talk: &Conversation, entity| talk.character == entity || talk.npc == entity;
        self.focus.hear(ctx, "dialog.converse", talks, out, concerns);
    }

    fn judge(&mut self, ctx: &Context, script: DefId, lines: &[Line], out: &mut Vec<Answer<Judgement>>) {
        self.rules.judge(ctx, script, lines, out);
        self.focus.hear(ctx, "chat.judge", lines, out, |line, entity| line.sender == entity);
    }

    fn govern(&mut self, ctx: &Context, script: DefId, moments: &[Moment], out: &mut Vec<Answer<Decree>>) {
        self.rules.govern(ctx, script, moments, out);
        // What a zone decides concerns everybody in it.
        self.focus.hear(ctx, "zone.govern", moments, out, |_, _| true);
    }

    fn conduct(
        &mut self,
        ctx: &Context,
        script: DefId,
        moments: &[EventMoment],
        out: &mut Vec<Answer<Course>>,
    ) {
        self.rules.conduct(ctx, script, moments, out);
        // As for a zone; the seconds in which nothing happens are no decisions worth telling.
        let concerns = |moment: &EventMoment, _| moment.stage > 0 || moment.occasion != EventOccasion::Second;
        self.focus.hear(ctx, "event.conduct", moments, out, concerns);
    }

    fn reward_merits(
        &mut self,
        ctx: &Context,
        script: DefId,
        merits: &[Merit],
        out: &mut Vec<Answer<Prize>>,
    ) {
        self.rules.reward_merits(ctx, script, merits, out);
        self.focus.hear(ctx, "event.reward", merits, out, |merit, entity| merit.character == entity);
    }

    fn roll_loot(&mut self, ctx: &Context, deaths: &[Spoils], out: &mut Vec<Answer<Haul>>) {
        self.rules.roll_loot(ctx, deaths, out);
        let concerns = |death: &Spoils, entity| death.looter == entity || death.prey == entity;
        self.focus.hear(ctx, "loot.roll", deaths, out, concerns);
    }

    /// About nobody: the ladder of levels is everybody's.
    fn require_experience(&mut self, ctx: &Context, steps: &[LevelStep], out: &mut Vec<Answer<Requirement>>) {
        self.rules.require_experience(ctx, steps, out);
    }

    /// As above.
    fn grow_stats(&mut self, ctx: &Context, growths: &[Growth], out: &mut Vec<Answer<Grown>>) {
        self.rules.grow_stats(ctx, growths, out);
    }

    fn reward_kills(&mut self, ctx: &Context, kills: &[Kill], out: &mut Vec<Answer<Gain>>) {
        self.rules.reward_kills(ctx, kills, out);
        let concerns = |kill: &Kill, entity| kill.character == entity || kill.prey == entity;
        self.focus.hear(ctx, "progression.reward-kills", kills, out, concerns);
    }

    fn punish_deaths(&mut self, ctx: &Context, falls: &[Fall], out: &mut Vec<Answer<Toll>>) {
        self.rules.punish_deaths(ctx, falls, out);
        self.focus
            .hear(ctx, "progression.punish-deaths", falls, out, |fall, entity| fall.character == entity);
    }

    fn quote_prices(&mut self, ctx: &Context, deals: &[Deal], out: &mut Vec<Answer<Quote>>) {
        self.rules.quote_prices(ctx, deals, out);
        let concerns = |deal: &Deal, entity| deal.character == entity || deal.npc == entity;
        self.focus.hear(ctx, "economy.quote-prices", deals, out, concerns);
    }

    fn craft(&mut self, ctx: &Context, attempts: &[Attempt], out: &mut Vec<Answer<Crafted>>) {
        self.rules.craft(ctx, attempts, out);
        let concerns = |attempt: &Attempt, entity| attempt.character == entity;
        self.focus.hear(ctx, "economy.craft", attempts, out, concerns);
    }

    fn fees(&mut self, ctx: &Context, charges: &[Charge], out: &mut Vec<Answer<Fee>>) {
        self.rules.fees(ctx, charges, out);
        self.focus.hear(ctx, "economy.fees", charges, out, |charge, entity| charge.character == entity);
    }

    fn direct(&mut self, ctx: &Context, script: DefId, bouts: &[Bout], out: &mut Vec<Answer<Direction>>) {
        self.rules.direct(ctx, script, bouts, out);
        self.focus.hear(ctx, "encounter.direct", bouts, out, |bout, entity| bout.boss == entity);
    }

    fn open_duels(&mut self, ctx: &Context, script: DefId, pairs: &[Pairing], out: &mut Vec<Answer<Terms>>) {
        self.rules.open_duels(ctx, script, pairs, out);
        let concerns =
            |pair: &Pairing, entity| pair.challenger.entity == entity || pair.opponent.entity == entity;
        self.focus.hear(ctx, "encounter.open-duels", pairs, out, concerns);
    }

    fn take_turns(&mut self, ctx: &Context, script: DefId, turns: &[Turn], out: &mut Vec<Answer<Act>>) {
        self.rules.take_turns(ctx, script, turns, out);
        let concerns = |turn: &Turn, entity| turn.actor.entity == entity || turn.foe.entity == entity;
        self.focus.hear(ctx, "encounter.take-turns", turns, out, concerns);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_too_many_decisions_the_newest_are_kept() {
        let mut focus = Focus::on(EntityId(1));
        let last = DECISIONS as u64 + 5;
        for tick in 1..=last {
            let ctx = Context { tick, tick_ms: 50, zone: DefId::NONE, minute_of_day: 0 };
            let answer = Answer { value: tick, origin: Origin::Fallback };
            focus.hear(&ctx, "npc.think", &[tick], &[answer], |_, _| true);
        }
        let ticks = |decision: Option<&Decision>| decision.map(|decision| decision.tick);
        assert_eq!((focus.decisions.len(), focus.left_out), (DECISIONS, 5));
        assert_eq!((ticks(focus.decisions.front()), ticks(focus.decisions.back())), (Some(6), Some(last)));
    }
}
