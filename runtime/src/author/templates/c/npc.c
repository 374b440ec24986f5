// The mind of an NPC. NPCs of the content use it with `script = "__NAME__"`.
#include "lore_sdk.h"

typedef exports_npc_perception_t perception_t;
typedef exports_npc_decision_t decision_t;

// Fights who hurt it, as far as its leash, and else stays at home.
static decision_t decide(const perception_t *seen) {
  decision_t answer = {
      .id = seen->id,
      .state = EXPORTS_NPC_STATE_IDLE,
      .destination = seen->home,
      .speed_permille = 1000,
      .memory = seen->memory,
  };
  if (seen->target == 0 || seen->distance_home_mm > seen->leash_mm) return answer;
  answer.target = seen->target;
  if (seen->target_distance_mm > seen->reach_mm) {
    answer.state = EXPORTS_NPC_STATE_CHASE;
    answer.destination = seen->target_at;
    return answer;
  }
  answer.state = EXPORTS_NPC_STATE_ATTACK;
  answer.destination = seen->at;
  answer.ability = seen->ready_in_ticks == 0 ? seen->basic : 0;
  return answer;
}

void exports_npc_think(exports_npc_context_t *ctx, exports_npc_list_perception_t *perceptions,
                       exports_npc_list_decision_t *ret) {
  (void)ctx;
  LORE_EACH(perceptions, ret, decide);
  exports_npc_list_perception_free(perceptions);
}
