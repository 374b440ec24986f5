//! Pages of `docs/` as stories read them: their blocks of code, so that what a page shows is what happens.

use crate::live::root;

/// A block of code of a page.
#[derive(Clone, Debug)]
pub struct Block {
    /// The heading it stands below, without its `#`.
    pub heading: String,
    /// `rust`; empty if it has none.
    pub language: String,
    /// What its first line says after that: `file=...`
    pub mark: String,
    /// Its lines, each with its end.
    pub text: String,
    /// Line of the page it begins in, from 1.
    pub line: usize,
}

/// All blocks of `docs/PAGE`, in order.
///
/// # Panics
/// If there is no such page, or a block of it never ends.
pub fn blocks(page: &str) -> Vec<Block> {
    let text = std::fs::read_to_string(root().join("docs").join(page)).unwrap();
    let (mut blocks, mut open): (Vec<Block>, Option<Block>) = (Vec::new(), None);
    let mut heading = String::new();
    for (line, text) in (1..).zip(text.lines()) {
        open = match (open, text.strip_prefix("```")) {
            (Some(block), Some(_)) => {
                blocks.push(block);
                None
            }
            (Some(mut block), None) => {
                block.text += text;
                block.text.push('\n');
                Some(block)
            }
            (None, Some(info)) => {
                let (language, mark) = info.split_once(' ').unwrap_or((info, ""));
                let (language, mark) = (language.to_owned(), mark.to_owned());
                Some(Block { heading: heading.clone(), language, mark, text: String::new(), line })
            }
            (None, None) => {
                if text.starts_with('#') {
                    text.trim_start_matches('#').trim().clone_into(&mut heading);
                }
                None
            }
        };
    }
    assert!(open.is_none(), "docs/{page}: {open:?} has no end");
    blocks
}

/// The blocks in one language below a heading.
pub fn below<'a>(blocks: &'a [Block], heading: &str, language: &str) -> Vec<&'a str> {
    let wanted = blocks.iter().filter(|block| block.heading == heading && block.language == language);
    wanted.map(|block| block.text.as_str()).collect()
}
