// A conversation. The words of its nodes stand in content/dialogs/, whose `script` is `__NAME__`.
import { defId, each } from 'lore';
import type { Conversation, Converse, Reply } from 'lore/dialog';

// The first thing said, and an answer to it: go away.
export const HELLO = defId('dialog/__NAME__/hello');
export const BYE = defId('dialog/__NAME__/hello/bye');

export const converse: Converse = (_ctx, conversations) => each(conversations, reply);

// Says hello; any answer ends it.
export function reply({ id, choice }: Conversation): Reply {
  return choice === 0
    ? { id, node: HELLO, choices: [BYE], actions: [] }
    : { id, node: 0, choices: [], actions: [] };
}
