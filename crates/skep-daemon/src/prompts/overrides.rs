//! A person's own templates: `prompts/NAME.md` of the settings for all projects, `prompts/PROJECT/NAME.md` for one.
//!
//! Order: that for the project, that for all, the built-in one; each whole.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use super::{PromptError, Template, fill};
use crate::config;

/// The most of one template. Bytes.
const MOST: u64 = 256 << 10;

/// Where the text of a template comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    BuiltIn,
    /// A person's own, for all projects.
    Person(PathBuf),
    /// A person's own, for one project.
    Project(PathBuf),
}

/// Which of the two folders.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Whose {
    Person,
    Project,
}

/// A person's own templates, each looked through.
#[derive(Debug, Clone, Default)]
pub struct Overrides {
    own: BTreeMap<Template, (Origin, String)>,
}

impl Overrides {
    /// Reads those of the settings in `dir`, for all projects and, over them, for one.
    ///
    /// Errors: a file that is the template of nothing, or cannot be filled in.
    pub fn read(dir: &Path, project: Option<&str>) -> Result<Overrides, PromptError> {
        let mut overrides = Overrides::default();
        overrides.add(&config::prompts_folder(dir), Whose::Person)?;
        if let Some(name) = project {
            overrides.add(&config::project_prompts_folder(dir, name)?, Whose::Project)?;
        }
        for template in Template::ALL {
            fill::check(template, &overrides)?;
        }
        Ok(overrides)
    }

    /// Lists the projects for which there are some in the settings in `dir`.
    ///
    /// Order: by name. Errors: a folder that no project can be called by.
    pub fn projects(dir: &Path) -> Result<Vec<String>, PromptError> {
        let folder = config::prompts_folder(dir);
        let mut names = Vec::new();
        for path in entries(&folder)? {
            if is_folder(&path)? {
                let name = name_of(&path);
                config::project_prompts_folder(dir, &name)?;
                names.push(name);
            }
        }
        Ok(names)
    }

    /// The text of a template that is in force.
    pub fn text(&self, template: Template) -> &str {
        self.own.get(&template).map_or_else(|| template.built_in(), |(_, text)| text)
    }

    /// Where that comes from.
    pub fn origin(&self, template: Template) -> &Origin {
        self.own.get(&template).map_or(&Origin::BuiltIn, |(origin, _)| origin)
    }

    fn add(&mut self, folder: &Path, whose: Whose) -> Result<(), PromptError> {
        for path in entries(folder)? {
            let is_folder = is_folder(&path)?;
            // A project's own.
            if is_folder && whose == Whose::Person {
                continue;
            }
            let name = name_of(&path);
            let found = name.strip_suffix(".md").filter(|_| !is_folder).and_then(Template::named);
            let Some(template) = found else {
                let word = name.strip_suffix(".md").unwrap_or(&name);
                return Err(Template::unknown(word, Some(path.display().to_string())));
            };
            let text = read(&path).map_err(|err| failed(&path, &err))?;
            let origin = match whose {
                Whose::Person => Origin::Person(path),
                Whose::Project => Origin::Project(path),
            };
            self.own.insert(template, (origin, text));
        }
        Ok(())
    }
}

/// What stands in a folder, by name, but for what editors and tools leave beside a file; nothing where there is none.
fn entries(folder: &Path) -> Result<Vec<PathBuf>, PromptError> {
    let list = match fs::read_dir(folder) {
        Ok(list) => list,
        Err(err) if err.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(err) => return Err(failed(folder, &err)),
    };
    let mut paths = Vec::new();
    for entry in list {
        let path = entry.map_err(|err| failed(folder, &err))?.path();
        let name = name_of(&path);
        if !name.starts_with('.') && !name.ends_with('~') {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

fn name_of(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn is_folder(path: &Path) -> Result<bool, PromptError> {
    fs::metadata(path).map(|found| found.is_dir()).map_err(|err| failed(path, &err))
}

fn failed(path: &Path, err: &io::Error) -> PromptError {
    PromptError::Unreadable { path: path.display().to_string(), why: err.to_string() }
}

fn read(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    File::open(path)?.take(MOST + 1).read_to_string(&mut text)?;
    if text.len() as u64 > MOST {
        return Err(io::Error::other(format!("it is longer than {MOST} bytes")));
    }
    Ok(text)
}
