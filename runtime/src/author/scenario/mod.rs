//! Scenarios: an author's tests as text, run against the very component a server would run, without a
//! server.
//!
//! `file` and `step` read them, `run` asks the component about many views at once, `sequence` about views that
//! follow from each other. `expect` and `invariant` judge, `draw` invents views, `trial` whole runs and the way to
//! the simplest that fails, `paste` writes that one down. `golden` keeps whole answers, `outcome` and `report`
//! tell. No kind of script is known here: views and answers are whatever the component's interface says, and what
//! comes back of an answer is what [`host_api::Sequel`] finds in it.

mod draw;
mod expect;
mod file;
mod golden;
mod invariant;
mod outcome;
mod paste;
mod report;
mod run;
mod sequence;
mod step;
mod trial;

pub use file::{Case, Defaults, FileError, ScenarioFile, files_of, read};
pub use outcome::{CaseFailure, CaseReport, Minimal, StepReport};
pub use report::{FileReport, ScriptReport, call, junit};
pub use run::{Inputs, Options, hinted, notable, views_of};
pub use step::{After, Step, Times};

use host_api::{Harness, Module};
use std::path::{Path, PathBuf};

/// Runs the cases of these files whose name contains `only`. `told` hears of every case.
pub fn run_files(
    module: &Module,
    component: &Path,
    files: &[PathBuf],
    only: Option<&str>,
    options: Options,
    told: &mut dyn FnMut(&CaseReport),
) -> ScriptReport {
    let mut report = ScriptReport::new(module, component.to_owned());
    let mut harness = Harness::new(module);
    for path in files {
        let mut of_file = FileReport { path: path.clone(), error: None, cases: Vec::new() };
        match read(path) {
            Err(error) => of_file.error = Some(error.to_string()),
            Ok(file) => {
                let chosen = |case: &&Case| only.is_none_or(|only| case.name.contains(only));
                for case in file.cases.iter().filter(chosen) {
                    let case = run::run(&mut harness, &file, case, options);
                    told(&case);
                    of_file.cases.push(case);
                }
            }
        }
        if of_file.error.is_some() || !of_file.cases.is_empty() {
            report.files.push(of_file);
        }
    }
    report
}
