//! What of crafting is on the wire: the methods named `craft` in `docs/protocol.md`.

use super::rpc::RpcError;
use super::wire::prizes;
use crate::content::suggestion;
use protocol::v1;
use sim::content::{Content, ItemCount, Recipe};
use sim::output::Rejection;
use sim::{DefId, def_id};

/// Characters of a name that are looked at to tell which one was meant: longer ones are none.
const NAME_CHARS: usize = 40;

/// All recipes of the content, by name.
pub fn recipes(content: &Content) -> v1::Recipes {
    let pieces = |item, count| prizes(&[ItemCount { item, count }], content).pop();
    let recipe = |recipe: &Recipe| v1::Recipe {
        name: recipe.name.clone(),
        title: recipe.title.clone(),
        station: content.npcs.get(&recipe.station).map(|npc| npc.name.clone()),
        required_level: recipe.required_level,
        ingredients: prizes(&recipe.ingredients, content),
        product: pieces(recipe.product.item, recipe.product.count),
        masterwork: pieces(recipe.masterwork, recipe.product.count),
        chance_permille: recipe.chance_permille,
        quality_permille: recipe.quality_permille,
        fee: recipe.fee,
    };
    let mut recipes: Vec<v1::Recipe> = content.recipes.values().map(recipe).collect();
    recipes.sort_by(|a, b| a.name.cmp(&b.name));
    v1::Recipes { recipes }
}

/// The recipe of this name.
///
/// # Errors
/// There is none; the message says which one may have been meant.
pub fn recipe(content: &Content, name: &str) -> Result<DefId, RpcError> {
    let id = def_id(&format!("recipe/{name}"));
    if content.recipes.contains_key(&id) {
        return Ok(id);
    }
    let name: String = name.chars().take(NAME_CHARS).collect();
    let known = content.recipes.values().map(|recipe| recipe.name.as_str());
    let meant = suggestion(&name, known);
    let message = format!("there is no recipe `{name}`{meant}; `craft.list` has all there are");
    Err(RpcError::UnknownName { rejection: Rejection::UnknownRecipe.code(), message })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_misspells_a_recipe_is_told_what_may_have_been_meant() {
        let mut content = Content::default();
        let recipe = sim::content::Recipe {
            name: "fur_cap".into(),
            title: "Fur Cap".into(),
            station: DefId::NONE,
            required_level: 1,
            ingredients: Vec::new(),
            product: ItemCount { item: DefId::NONE, count: 1 },
            masterwork: DefId::NONE,
            chance_permille: 1_000,
            quality_permille: 0,
            fee: 0,
        };
        content.recipes.insert(def_id("recipe/fur_cap"), recipe);
        assert_eq!(super::recipe(&content, "fur_cap"), Ok(def_id("recipe/fur_cap")));
        let said = |name: &str| super::recipe(&content, name).unwrap_err().to_string();
        let wrong = "there is no recipe `fur_cpa` (did you mean `fur_cap`?); `craft.list` has all there are";
        assert_eq!(said("fur_cpa"), wrong);
        assert_eq!(said("boat"), "there is no recipe `boat`; `craft.list` has all there are");
        assert!(said(&"x".repeat(10_000)).len() < 200);
    }
}
