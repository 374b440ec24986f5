//! Scenarios: an author's tests as text, run against the very component a server would run, without a
//! server.
//!
//! `file` reads them, `run` asks the component, `expect` and `invariant` judge, `draw` invents views,
//! `golden` keeps whole answers, `report` tells. No kind of script is known here: views and answers are
//! whatever the component's interface says.

mod draw;
mod expect;
mod file;
mod golden;
mod invariant;
mod report;
mod run;

pub use file::{Case, Defaults, FileError, ScenarioFile, files_of, read};
pub use report::{FileReport, ScriptReport, call, junit};
pub use run::{CaseFailure, CaseReport, Inputs, Options, hinted, notable, views_of};

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
