// World events. Content names it in `[event.NAME]`: `script = "__NAME__"`.
import { each } from 'lore';
import type { Conduct, Course, Merit, Moment, Outcome, Prize, Reward } from 'lore/event';

export const conduct: Conduct = (_ctx, moments) => each(moments, goOn);
export const reward: Reward = (_ctx, merits) => each(merits, prize);

// Begins when it is due, goes on with the kills of each stage, fails when the time of one is over.
export function goOn(moment: Moment): Course {
  const { id, stage, stages, memory } = moment;
  const stay = (outcome: Outcome, announcement = 0): Course => ({
    id,
    outcome,
    stage,
    spawn: 0,
    dismiss: false,
    announcement,
    memory,
  });
  const enter = (next: number): Course => {
    const view = stages[next - 1];
    if (view === undefined) return stay('success', moment.onSuccess);
    return { ...stay('going', view.announcement), stage: next, spawn: view.creatures };
  };
  const now = stages[stage - 1];
  if (now === undefined) {
    return moment.due && moment.cooldownLeftTicks === 0 && stages.length > 0 ? enter(1) : stay('idle');
  }
  if (moment.kills >= now.killsNeeded) return enter(stage + 1);
  return moment.stageTicks >= now.durationTicks ? stay('failure', moment.onFailure) : stay('going');
}

// Everybody gets what the content says.
export function prize({ id }: Merit): Prize {
  return { id, rewardPermille: 1000 };
}
