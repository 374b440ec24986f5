//! The loader on the starter content and on a set in which everything is wrong.

use super::*;
use expect_test::expect;
use sim::content::Position;
use sim::def_id;

fn starter() -> (Content, Summary) {
    load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../content")).unwrap()
}

fn check(files: &[(&str, &str)], expected: &expect_test::Expect) {
    let files = files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect();
    let errors = load_files(&files).unwrap_err();
    expected.assert_eq(&errors.to_string());
}

#[test]
fn the_starter_content_has_no_mistakes() {
    let (_, summary) = starter();
    expect!["14 files: 6 ability, 1 class"].assert_eq(&summary.to_string());
}
