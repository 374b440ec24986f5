//! Writing many rows with few statements.
//!
//! Rows go out in chunks of 64, 16, 4 and 1, so that each table has four statement texts and all of
//! them stay prepared on the connection.

use super::StoreError;
use sqlx::{Any, AssertSqlSafe, Transaction};
use std::borrow::Cow;
use std::fmt::Write as _;

const CHUNKS: [usize; 4] = [64, 16, 4, 1];

/// One value of a row.
pub(super) enum Value<'a> {
    /// A whole number.
    Int(i64),
    /// A text.
    Text(Cow<'a, str>),
}

impl From<i64> for Value<'_> {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(value: &'a str) -> Self {
        Self::Text(Cow::Borrowed(value))
    }
}

impl From<String> for Value<'_> {
    fn from(value: String) -> Self {
        Self::Text(Cow::Owned(value))
    }
}

/// Runs `head` + `($1, $2), ($3, $4), ...` + `tail` for all rows of `WIDTH` values.
pub(super) async fn write_rows<const WIDTH: usize>(
    tx: &mut Transaction<'static, Any>,
    head: &str,
    rows: Vec<[Value<'_>; WIDTH]>,
    tail: &str,
) -> Result<(), StoreError> {
    let mut left = rows.len();
    let mut rows = rows.into_iter();
    for size in CHUNKS {
        while left >= size {
            let mut query = sqlx::query(AssertSqlSafe(statement(head, size, WIDTH, tail)));
            for value in rows.by_ref().take(size).flatten() {
                query = match value {
                    Value::Int(number) => query.bind(number),
                    Value::Text(text) => query.bind(text.into_owned()),
                };
            }
            query.execute(&mut **tx).await?;
            left -= size;
        }
    }
    Ok(())
}

fn statement(head: &str, rows: usize, width: usize, tail: &str) -> String {
    let mut sql = String::with_capacity(head.len() + tail.len() + rows * width * 6);
    sql.push_str(head);
    for row in 0..rows {
        sql.push_str(if row == 0 { "(" } else { ", (" });
        for column in 0..width {
            let separator = if column == 0 { "" } else { ", " };
            // Writing to a String cannot fail.
            let _ = write!(sql, "{separator}${}", row * width + column + 1);
        }
        sql.push(')');
    }
    sql.push_str(tail);
    sql
}

#[cfg(test)]
mod tests {
    use super::statement;

    #[test]
    fn placeholders_count_through_all_rows() {
        assert_eq!(
            statement("INSERT INTO t VALUES ", 2, 3, " END"),
            "INSERT INTO t VALUES ($1, $2, $3), ($4, $5, $6) END"
        );
    }
}
