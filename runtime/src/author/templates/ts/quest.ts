// How a quest goes on. Quests of the content use it with `script = "__NAME__"`.
import { each } from 'lore';
import type { Advance, Inquiry, QuestState, Step } from 'lore/quest';

export const advance: Advance = (_ctx, inquiries) => each(inquiries, next);

// Counts what the objectives ask for; all of it done is the whole reward.
export function next({ id, level, requiredLevel, prerequisitesMet, progress, trigger }: Inquiry): Step {
  const done = progress.objectives.map((objective) => objective.done);
  const step = (state: QuestState, rewardPermille = 0): Step => ({
    id,
    state,
    done,
    rewardPermille,
    memory: progress.memory,
  });
  switch (trigger.tag) {
    case 'offer':
      return step(level >= requiredLevel && prerequisitesMet ? 'available' : 'unavailable');
    case 'accept':
      return { ...step('active'), done: done.map(() => 0) };
    case 'happened': {
      if (progress.state !== 'active') return step(progress.state);
      const { deed, subject, amount } = trigger.val;
      progress.objectives.forEach((objective, at) => {
        if (objective.deed === deed && objective.subject === subject) {
          done[at] = Math.min(objective.done + amount, objective.needed);
        }
      });
      const complete = progress.objectives.every((objective, at) => done[at] >= objective.needed);
      return step(complete ? 'complete' : 'active');
    }
    case 'turn-in':
      return progress.state === 'complete' ? step('turned-in', 1000) : step(progress.state);
    case 'abandon':
      return step('abandoned');
  }
}
