//! `/v1/characters/...`

use super::views::{self, CharacterBody, InventoryBody, QuestsBody};
use crate::auth::fields::check_character_name;
use crate::auth::{AccountId, Claims};
use crate::http::AppState;
use crate::http::extract::{Body, Caller, CharacterPath};
use crate::http::problem::Problem;
use crate::store::{CHARACTERS_PER_ACCOUNT, CharacterSummary, StoreError};
use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use serde::{Deserialize, Serialize};
use sim::{CharacterId, def_id};
use std::time::Duration;
use utoipa::ToSchema;

/// Age at which a cached list is made anew: its levels and gold are from the last look. Writes of
/// this interface forget the list at once.
const LIST_TTL: Duration = Duration::from_secs(10);

/// A new character.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CreateBody {
    /// 2 to 20 letters of the Latin alphabet, accents included.
    #[schema(min_length = 2, max_length = 20)]
    name: String,
    /// A name of `GET /v1/classes`.
    class: String,
}

/// The characters of an account.
#[derive(Serialize, ToSchema)]
pub(crate) struct CharactersBody {
    /// Oldest first, without abilities.
    characters: Vec<CharacterBody>,
}

/// My characters.
#[utoipa::path(get, path = "/v1/characters", operation_id = "listCharacters", tag = "characters",
    security(("bearer" = [])),
    responses((status = 200, description = "Oldest first; at most 10 s old.", body = CharactersBody)))]
pub(crate) async fn list(
    State(state): State<AppState>,
    Caller(claims): Caller,
) -> Result<Json<CharactersBody>, Problem> {
    let key = list_key(claims.account);
    let cached = state.cache.load(&key).await.and_then(|text| serde_json::from_str(&text).ok());
    let characters: Vec<CharacterSummary> = match cached {
        Some(characters) => characters,
        None => {
            let characters = state.store.characters_of(claims.account).await?;
            if let Ok(text) = serde_json::to_string(&characters) {
                state.cache.keep(&key, text, LIST_TTL).await;
            }
            characters
        }
    };
    let content = state.content();
    let characters = characters.into_iter().map(|summary| views::listed(summary, &content)).collect();
    Ok(Json(CharactersBody { characters }))
}

/// Make a character.
#[utoipa::path(post, path = "/v1/characters", operation_id = "createCharacter", tag = "characters",
    security(("bearer" = [])), request_body = CreateBody,
    responses(
        (status = 201, description = "Made.", body = CharacterBody),
        (status = 409, description = "`name_taken` or `too_many_characters` (an account has 8)."),
    ))]
pub(crate) async fn create(
    State(state): State<AppState>,
    Caller(claims): Caller,
    Body(body): Body<CreateBody>,
) -> Result<impl IntoResponse, Problem> {
    check_character_name(&body.name)?;
    let content = state.content();
    let class = def_id(&format!("class/{}", body.class));
    // The name is compared too: another text may have the hash of a class.
    if content.classes.get(&class).is_none_or(|known| known.name != body.class) {
        let detail = "class must be one of GET /v1/classes";
        return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid_field", detail));
    }
    let made = state.store.create_character(claims.account, &body.name, class, &content).await;
    let made = made.map_err(|error| match error {
        StoreError::Conflict("characters") => {
            let detail = format!("an account can have {CHARACTERS_PER_ACCOUNT} characters");
            Problem::new(StatusCode::CONFLICT, "too_many_characters", detail)
        }
        StoreError::Conflict(_) => Problem::new(StatusCode::CONFLICT, "name_taken", "that name is taken"),
        StoreError::Missing(_) => Problem::unauthorized("invalid_token", "the account is gone"),
        other => other.into(),
    })?;
    state.cache.forget(&list_key(claims.account)).await;
    let location = [(header::LOCATION, format!("/v1/characters/{}", made.id))];
    Ok((StatusCode::CREATED, location, Json(views::whole(made, &content))))
}

/// One of my characters.
#[utoipa::path(get, path = "/v1/characters/{id}", operation_id = "showCharacter", tag = "characters",
    security(("bearer" = [])), params(("id" = i64, Path, description = "Key of the character")),
    responses(
        (status = 200, description = "With its abilities.", body = CharacterBody),
        (status = 403, description = "`not_owner`."),
        (status = 404, description = "`not_found`."),
    ))]
pub(crate) async fn show(
    State(state): State<AppState>,
    Caller(claims): Caller,
    CharacterPath(id): CharacterPath,
) -> Result<Json<CharacterBody>, Problem> {
    let summary = owned(&state, &claims, id).await?;
    Ok(Json(views::whole(summary, &state.content())))
}

/// Delete a character. Its name is free again.
#[utoipa::path(delete, path = "/v1/characters/{id}", operation_id = "deleteCharacter", tag = "characters",
    security(("bearer" = [])), params(("id" = i64, Path, description = "Key of the character")),
    responses(
        (status = 204, description = "Deleted."),
        (status = 403, description = "`not_owner`."),
        (status = 404, description = "`not_found`."),
        (status = 409, description = "`in_world`: leave the world first."),
    ))]
pub(crate) async fn delete(
    State(state): State<AppState>,
    Caller(claims): Caller,
    CharacterPath(id): CharacterPath,
) -> Result<StatusCode, Problem> {
    owned(&state, &claims, id).await?;
    let Some(_held) = state.online.hold(id) else {
        return Err(Problem::new(StatusCode::CONFLICT, "in_world", "the character is in the world"));
    };
    let deleted = state.store.delete_character(id).await?;
    state.cache.forget(&list_key(claims.account)).await;
    if deleted { Ok(StatusCode::NO_CONTENT) } else { Err(no_such_character()) }
}

/// What one of my characters carries and wears.
#[utoipa::path(get, path = "/v1/characters/{id}/inventory", operation_id = "showInventory",
    tag = "characters", security(("bearer" = [])),
    params(("id" = i64, Path, description = "Key of the character")),
    responses(
        (status = 200, description = "As of the last commit.", body = InventoryBody),
        (status = 403, description = "`not_owner`."),
        (status = 404, description = "`not_found`."),
    ))]
pub(crate) async fn inventory(
    State(state): State<AppState>,
    Caller(claims): Caller,
    CharacterPath(id): CharacterPath,
) -> Result<Json<InventoryBody>, Problem> {
    owned(&state, &claims, id).await?;
    Ok(Json(views::inventory(state.store.inventory_of(id).await?, &state.content())))
}

/// Every quest one of my characters ever accepted.
#[utoipa::path(get, path = "/v1/characters/{id}/quests", operation_id = "showQuests",
    tag = "characters", security(("bearer" = [])),
    params(("id" = i64, Path, description = "Key of the character")),
    responses(
        (status = 200, description = "As of the last commit.", body = QuestsBody),
        (status = 403, description = "`not_owner`."),
        (status = 404, description = "`not_found`."),
    ))]
pub(crate) async fn quests(
    State(state): State<AppState>,
    Caller(claims): Caller,
    CharacterPath(id): CharacterPath,
) -> Result<Json<QuestsBody>, Problem> {
    owned(&state, &claims, id).await?;
    Ok(Json(views::quests(state.store.quests_of(id).await?, &state.content())))
}

async fn owned(state: &AppState, claims: &Claims, id: CharacterId) -> Result<CharacterSummary, Problem> {
    match state.store.character(id).await? {
        None => Err(no_such_character()),
        Some((owner, _)) if owner != claims.account => {
            let detail = "the character belongs to another account";
            Err(Problem::new(StatusCode::FORBIDDEN, "not_owner", detail))
        }
        Some((_, summary)) => Ok(summary),
    }
}

fn no_such_character() -> Problem {
    Problem::not_found("there is no such character")
}

fn list_key(account: AccountId) -> String {
    format!("characters-of:{account}")
}
