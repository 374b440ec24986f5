// What the dead leave.
#include "lore_sdk.h"

typedef exports_loot_spoils_t spoils_t;
typedef exports_loot_row_t row_t;
typedef exports_loot_piece_t piece_t;
typedef exports_loot_haul_t haul_t;

// Pieces of one haul; the host accepts no more.
enum { PIECES = 64 };

// Some gold, what is guaranteed, and every other item of the NPC's own table one time in ten.
static haul_t haul(const spoils_t *spoils) {
  lore_rng_t dice = lore_rng(spoils->seed);
  haul_t haul = {.id = spoils->id};
  haul.gold = (uint32_t)lore_between(&dice, (int32_t)spoils->gold_least, (int32_t)spoils->gold_most);
  for (size_t at = 0; at < spoils->rows.len; at++) {
    const row_t *row = &spoils->rows.ptr[at];
    bool drops = row->guaranteed || lore_permille(&dice, 100);
    if (drops && row->table == 0 && row->item != 0 && haul.pieces.len < PIECES) {
      // The host frees a list only if something is in it.
      if (haul.pieces.len == 0) haul.pieces.ptr = lore_answers(PIECES, sizeof(piece_t));
      uint32_t count = row->most ? row->most : 1;
      haul.pieces.ptr[haul.pieces.len++] = (piece_t){.row = (uint32_t)at, .count = count};
    }
  }
  return haul;
}

void exports_loot_roll(exports_loot_context_t *ctx, exports_loot_list_spoils_t *deaths,
                       exports_loot_list_haul_t *ret) {
  (void)ctx;
  LORE_EACH(deaths, ret, haul);
  exports_loot_list_spoils_free(deaths);
}
