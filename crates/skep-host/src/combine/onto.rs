//! Owns: a target that grows by one work after the other, in commits that no ref leads to yet.
//! Never: takes half of a work.

use std::path::PathBuf;

use super::{
    Ask, How, Work, call,
    commit::{Maker, Said},
    is_behind, pick, require_commit, tree_of,
};
use crate::{
    git::{self, Git, GitError, Merge, Merged, Repository, Rules},
    publish::words,
};

/// A target with the works that it took so far.
pub(super) struct Growing<'a> {
    pub(super) git: &'a Git,
    pub(super) repo: &'a Repository,
    ask: &'a Ask,
    pub(super) rules: Rules,
    pub(super) maker: Maker<'a>,
    onto: String,
    tip: String,
    /// The tip's, where it was needed.
    tree: Option<String>,
    /// The heads of the works in it.
    heads: Vec<String>,
}

/// What became of a work.
pub(super) enum Added {
    Taken,
    /// As one commit, though its own were asked for.
    AsOne,
    There,
    Left {
        files: Vec<PathBuf>,
        text: String,
    },
}

impl<'a> Growing<'a> {
    pub(super) fn begin(
        git: &'a Git,
        repo: &'a Repository,
        ask: &'a Ask,
        onto: &str,
    ) -> Result<Growing<'a>, GitError> {
        Ok(Growing {
            git,
            repo,
            ask,
            rules: Rules::of(git, repo, onto)?,
            maker: Maker::new(git, repo, ask.at, ask.sign)?,
            onto: onto.to_owned(),
            tip: onto.to_owned(),
            tree: None,
            heads: Vec::new(),
        })
    }

    /// Where it stands with the works that it took so far.
    pub(super) fn tip(&self) -> &str {
        &self.tip
    }

    /// Its commit and its tree.
    pub(super) fn end(self) -> Result<(String, String), GitError> {
        let tree = match self.tree {
            Some(tree) => tree,
            None => tree_of(self.git, self.repo, &self.tip)?,
        };
        Ok((self.tip, tree))
    }

    pub(super) fn add(&mut self, work: &Work) -> Result<Added, GitError> {
        let head = require_commit(self.git, self.repo, &work.head)?;
        let (code, out) =
            call(self.git, self.repo).args(["merge-base", &self.tip, &head]).code(&[0, 1])?;
        let base = String::from_utf8_lossy(&out).trim().to_owned();
        if code == 1 || !git::is_oid(&base) {
            let text = format!("{} has no history in common with {}", work.name, self.ask.target);
            return Ok(Added::Left { files: Vec::new(), text: words(&text) });
        }
        if base == head {
            return Ok(Added::There);
        }
        let added = match self.ask.how {
            // Of several, each has its own merge commit.
            How::Merge if base == self.tip && self.ask.works.len() == 1 => {
                (self.tip, self.tree) = (head.clone(), None);
                Added::Taken
            }
            How::Merge | How::Squash => self.as_one(work, &head)?,
            How::Rebase => self.each(work, &head)?,
        };
        if matches!(added, Added::Taken | Added::AsOne) {
            self.heads.push(head);
        }
        Ok(added)
    }

    /// The tree of the tip and `head`.
    fn merged(&self, work: &Work, head: &str) -> Result<Merged, GitError> {
        let base = self.stands_on(work, head)?;
        let merge = Merge { base: base.as_deref(), ours: &self.tip, theirs: head };
        self.merge(&merge, &work.name)
    }

    /// One merge; where git says object names, people read those of the target and of the work.
    pub(super) fn merge(&self, merge: &Merge<'_>, name: &str) -> Result<Merged, GitError> {
        Ok(match self.rules.merge(self.git, self.repo, merge)? {
            Merged::Conflict { files, text } => {
                let text = text.replace(merge.ours, &self.ask.target).replace(merge.theirs, name);
                Merged::Conflict { files, text: words(&text) }
            }
            Merged::Clean { tree } => Merged::Clean { tree },
        })
    }

    /// The work as one commit, with both histories behind it where it is merged.
    fn as_one(&mut self, work: &Work, head: &str) -> Result<Added, GitError> {
        let tree = match self.merged(work, head)? {
            Merged::Clean { tree } => tree,
            Merged::Conflict { files, text } => return Ok(Added::Left { files, text }),
        };
        if self.ask.how != How::Merge && tree == self.tree()? {
            return Ok(Added::There);
        }
        let said = if self.ask.how == How::Merge {
            Said::ours(&work.message)
        } else {
            let first = pick::own(self, head, &self.without(work))?.into_iter().next();
            let author = match first {
                Some(first) => Some(pick::said(self, &first)?),
                None => None,
            };
            Said { author: author.and_then(|said| said.author), ..Said::ours(&work.message) }
        };
        let mut parents = vec![self.tip.as_str()];
        if self.ask.how == How::Merge {
            parents.push(head);
        }
        self.tip = self.maker.make(&tree, &parents, &said)?;
        self.tree = Some(tree);
        Ok(Added::Taken)
    }

    /// Each commit of the work once more. One with merges in it must come out as a merge of the whole would, since what
    /// such a merge resolved is in no other commit; else it comes as one.
    fn each(&mut self, work: &Work, head: &str) -> Result<Added, GitError> {
        let without = self.without(work);
        let all = pick::own(self, head, &without)?;
        let tree = self.tree()?;
        let picked = pick::pick(self, (self.tip.clone(), tree), &all, &work.name)?;
        if pick::has_merges(self, head, &without)? {
            let whole = match self.merged(work, head)? {
                Merged::Clean { tree } => tree,
                Merged::Conflict { files, text } => return Ok(Added::Left { files, text }),
            };
            if !matches!(&picked, pick::Picked::All { tree, .. } if *tree == whole) {
                let added = self.as_one(work, head)?;
                return Ok(if matches!(added, Added::Taken) { Added::AsOne } else { added });
            }
        }
        match picked {
            pick::Picked::Conflict { files, text } => Ok(Added::Left { files, text }),
            pick::Picked::All { tip, .. } if tip == self.tip => Ok(Added::There),
            pick::Picked::All { tip, tree } => {
                (self.tip, self.tree) = (tip, Some(tree));
                Ok(Added::Taken)
            }
        }
    }

    fn tree(&mut self) -> Result<String, GitError> {
        if let Some(tree) = &self.tree {
            return Ok(tree.clone());
        }
        let tree = tree_of(self.git, self.repo, &self.tip)?;
        self.tree = Some(tree.clone());
        Ok(tree)
    }

    /// What is not the work's own.
    fn without(&self, work: &Work) -> Vec<String> {
        let mut all = vec![self.onto.clone()];
        all.extend(self.heads.iter().chain(&work.on).cloned());
        all
    }

    /// The commit below the work that the tip has in another form; then what came since is all that is merged.
    fn stands_on(&self, work: &Work, head: &str) -> Result<Option<String>, GitError> {
        let ours = if self.ask.how == How::Merge { &[][..] } else { &self.heads[..] };
        for below in ours.iter().chain(&work.on).rev() {
            if is_behind(self.git, self.repo, below, head)?
                && !is_behind(self.git, self.repo, below, &self.tip)?
            {
                return Ok(Some(below.clone()));
            }
        }
        Ok(None)
    }
}
