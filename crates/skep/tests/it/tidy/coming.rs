//! `docs/coming-from.md`: every name of a planner's system elsewhere has its place here, and each place exists.

use std::collections::BTreeSet;

use super::{nothing_wrong, root, source::read};

/// The names of its package, with the methods that others call.
const NAMES: &[(&str, &[&str])] = &[
    ("Discoverer", &["DiscoverRepos", "PreflightCheck", "PullMainWorktrees"]),
    ("NewDiscoverer", &[]),
    ("RepoPointer", &[]),
    ("RepoUpdateResults", &[]),
    ("WorkspaceHealthCheck", &[]),
    ("ReadWorkspaceAgentsMd", &[]),
    ("EnsureSessionDir", &[]),
    ("SessionDirInfo", &[]),
    ("PlanParser", &["Parse", "Validate", "ParseAndValidate"]),
    ("NewPlanParser", &[]),
    ("PlanningConfig", &[]),
    ("DefaultPlanningConfig", &[]),
    ("PlanningConfigFromConfig", &[]),
    ("PlanningError", &[]),
    ("PlanningResult", &[]),
    (
        "PlanningService",
        &[
            "Plan",
            "PlanWithFeedback",
            "FollowUpPlan",
            "UpdateReviewedPlan",
            "ResumeInterruptedPlanning",
        ],
    ),
    ("NewPlanningService", &[]),
    ("PlanningTemplates", &[]),
    ("NewPlanningTemplates", &[]),
    ("CorrectionTemplateData", &[]),
    ("RevisionData", &[]),
    ("FollowUpData", &[]),
    ("RepoResultSummary", &[]),
    ("GenerateBranchName", &[]),
    ("ValidateBranchName", &[]),
    ("WorktreeCreatingPayload", &[]),
    ("WorktreeCreatedPayload", &[]),
    ("BuildWaves", &[]),
    ("WaveStatus", &[]),
    ("WaveState", &[]),
    ("SubPlanExecution", &[]),
    (
        "ExecutionState",
        &[
            "AllWavesCompleted",
            "CurrentWaveComplete",
            "AdvanceWave",
            "GetWaveSubPlans",
            "StartWave",
            "CompleteWave",
            "FailWave",
            "StartSubPlan",
            "CompleteSubPlan",
            "FailSubPlan",
            "HasFailed",
        ],
    ),
    ("NewExecutionState", &[]),
    ("ImplementationConfig", &[]),
    ("DefaultImplementationConfig", &[]),
    ("ImplementationService", &["Implement", "FinalizeWorkItem"]),
    ("NewImplementationService", &[]),
    ("ImplementResult", &[]),
    ("ImplementationWarning", &[]),
    ("SessionResult", &[]),
    ("SubPlanOutcome", &[]),
    ("RepoFinalizationResult", &[]),
    ("StartImplementationGraphRun", &[]),
    ("ContinueImplementationGraph", &[]),
    ("RetryReviewLeaf", &[]),
    ("ResumeRetryLeavesForWorkItem", &[]),
    ("ReviewPipeline", &["ReviewSession"]),
    ("NewReviewPipeline", &[]),
    ("ReviewResult", &[]),
    (
        "Foreman",
        &[
            "Start",
            "Ask",
            "Stop",
            "ResolveEscalated",
            "SendUserMessage",
            "SessionID",
            "IsRunning",
            "LastSessionID",
            "LastPlanID",
        ],
    ),
    ("NewForeman", &[]),
    ("ErrQuestionNotEscalated", &[]),
    ("QuestionRouter", &["Route"]),
    ("NewQuestionRouter", &[]),
    ("AnswerRouter", &["Answer", "Skip", "RefineAnswer"]),
    ("PublishQuestionAnswered", &[]),
    (
        "SessionRegistry",
        &[
            "Register",
            "Deregister",
            "IsRunning",
            "SendMessage",
            "Steer",
            "SendAnswer",
            "AbortAndDeregister",
            "Close",
        ],
    ),
    ("NewSessionRegistry", &[]),
    ("ErrSessionNotRunning", &[]),
    (
        "Resumption",
        &[
            "ResumeSession",
            "AbandonSession",
            "FollowUpSession",
            "FollowUpFailedSession",
            "WaitAndComplete",
        ],
    ),
    ("NewResumption", &[]),
    ("ResumeSessionResult", &[]),
    ("FollowUpSessionResult", &[]),
    (
        "ManualSessionService",
        &[
            "StartManualSession",
            "ResumeManualSession",
            "FollowUpManualSession",
            "SendMessage",
            "SendAnswer",
            "Steer",
            "Abort",
        ],
    ),
    ("NewManualSessionService", &[]),
    ("StartManualSessionRequest", &[]),
];

fn wanted() -> BTreeSet<String> {
    let of = |(name, methods): &(&str, &[&str])| {
        let methods = methods.iter().map(|method| format!("{name}.{method}")).collect::<Vec<_>>();
        methods.into_iter().chain([(*name).to_owned()])
    };
    NAMES.iter().flat_map(of).collect()
}

/// The spans in backticks, each with what follows it up to the next one.
fn spans(text: &str) -> Vec<(&str, &str)> {
    let parts: Vec<&str> = text.split('`').collect();
    parts[1..].chunks(2).filter(|pair| pair.len() == 2).map(|pair| (pair[0], pair[1])).collect()
}

/// The rows of the table: names there, and where that is here.
fn rows(page: &str) -> Vec<(&str, &str)> {
    let behind = page.split("### Its orchestrator, name by name").nth(1).expect("the section");
    let section = behind.split("\n## ").next().unwrap_or(behind);
    let lines = section.lines().filter(|line| line.starts_with("| `"));
    lines.filter_map(|line| line.trim_matches('|').split_once(" | ")).collect()
}

/// What the other documents say exists.
struct Known {
    contract: String,
    config: String,
    errors: String,
}

impl Known {
    fn read() -> Known {
        let doc = |name: &str| read(&root().join("docs").join(name));
        Known { contract: doc("contract.md"), config: doc("config.md"), errors: doc("errors.md") }
    }

    /// Whether the contract promises the verb, and whether it is to come there.
    fn verb(&self, words: &str) -> Option<bool> {
        let verb = words.split(' ').next().unwrap_or_default();
        let table = self.contract.lines().filter(|line| line.starts_with("| `"));
        let first = table.filter_map(|line| line.strip_prefix("| ")?.split_once(" | "));
        let mut found = first.flat_map(|(cell, _)| spans(cell)).filter(|(span, _)| {
            span.replace("\\|", " ").split(' ').next().is_some_and(|first| first == verb)
        });
        found.next().map(|(_, after)| after.trim_start().starts_with("(to come)"))
    }

    /// Whether `section.key` is a setting.
    fn setting(&self, name: &str) -> bool {
        let Some((section, key)) = name.split_once('.') else { return false };
        let heads = |line: &&str| line.starts_with('[');
        let wanted = format!("[{section}]");
        let mut inside = false;
        self.config.lines().any(|line| {
            if heads(&line) {
                inside = line.starts_with(&wanted);
            }
            inside && line.split(" = ").next() == Some(key)
        })
    }

    /// What is wrong with a place; `after` is what stands behind it.
    fn fault(&self, place: &str, after: &str) -> Option<String> {
        if let Some(words) = place.strip_prefix("skep ") {
            let marked = after.trim_start().starts_with("(to come)");
            return match self.verb(words) {
                None => Some(format!("`{place}` is no verb of the contract")),
                Some(to_come) if to_come != marked => {
                    let told = if to_come { "is to come" } else { "is there" };
                    Some(format!("`{place}` {told}, the contract says"))
                }
                Some(_) => None,
            };
        }
        if place.starts_with("crates/") || place.starts_with("docs/") {
            let there = root().join(place).exists();
            return (!there).then(|| format!("`{place}` is no file"));
        }
        if self.setting(place)
            || self.errors.contains(&format!("\n## {place}\n"))
            || self.contract.contains(&format!("`{place} {{"))
            || place == "output/"
        {
            return None;
        }
        Some(format!("`{place}` is no verb, file, setting, slug or tool"))
    }
}

#[test]
fn every_name_of_a_planners_system_elsewhere_has_its_place_here() {
    let page = read(&root().join("docs/coming-from.md"));
    let rows = rows(&page);
    let mut faults = Vec::new();
    let mut named = BTreeSet::new();
    let known = Known::read();
    for (there, here) in rows {
        for (name, _) in spans(there) {
            if !named.insert(name.to_owned()) {
                faults.push(format!("`{name}` stands there twice"));
            }
        }
        let places = spans(here);
        if places.is_empty() {
            faults.push(format!("{there} has no place"));
        }
        faults.extend(places.into_iter().filter_map(|(place, after)| known.fault(place, after)));
    }
    let wanted = wanted();
    faults.extend(wanted.difference(&named).map(|name| format!("`{name}` has no row")));
    faults.extend(named.difference(&wanted).map(|name| format!("`{name}` is no name of it")));
    nothing_wrong(&faults);
}

#[test]
fn a_place_that_does_not_exist_is_seen() {
    let known = Known::read();
    let wrong = |place: &str| known.fault(place, "").is_some();
    for place in [
        "skep conduct ID",
        "crates/skep-core/src/conductor.rs",
        "plan.tempo",
        "no-such-slug",
        "sing",
    ] {
        assert!(wrong(place), "{place}");
    }
    for place in ["skep resume ID", "docs/plan.md", "review.threshold", "run-living", "ask_foreman"]
    {
        assert!(!wrong(place), "{place}");
    }
    assert!(known.fault("skep resume ID", " (to come)").is_some(), "what is there is not to come");
}

/// The names of two other packages, each with the section that has them.
const OTHERS: &[(&str, &[&str])] = &[
    (
        "## coily dispatch",
        &[
            "Command",
            "Dispatcher",
            "New",
            "Config",
            "Runner",
            "Wrap",
            "AllowedOwner",
            "ForgejoBaseURL",
            "FetchForgejoIssue",
            "RepoPath",
            "WorktreeRoot",
            "LogRoot",
            "SpawnDetached",
            "OpenLaunch",
            "WorktreeAdd",
            "WorktreeReapable",
            "WorktreeRemove",
            "BinaryName",
            "ClaudeConfigPath",
            "Notify",
            "Event",
            "Issue",
            "Platform",
            "Posture",
            "PostureHeadless",
            "PostureWatch",
            "PostureConsult",
            "PostureCascade",
            "Registry",
            "NewRegistry",
            "Active",
            "Conflicts",
            "Sidequest",
            "Conflict",
        ],
    ),
    (
        "## ttal",
        &[
            "CoderAgentName",
            "ErrNeedsDecision",
            "SpawnConfig",
            "Spawn",
            "GatekeeperConfig",
            "Gatekeeper",
            "HookOnAdd",
            "HookOnModify",
            "InstallHooks",
            "Install",
            "Uninstall",
            "List",
            "WorkerInfo",
            "WorkerStatus",
            "CleanupRequest",
            "NotifyTelegram",
            "WorktreeBranch",
            "PrintResult",
        ],
    ),
];

#[test]
fn every_name_of_a_dispatcher_and_of_a_worker_elsewhere_stands_in_its_section() {
    let page = read(&root().join("docs/coming-from.md"));
    let mut faults = Vec::new();
    for (section, names) in OTHERS {
        let (_, rest) = page.split_once(section).unwrap_or_default();
        let body = rest.split("\n## ").next().unwrap_or_default();
        let named: BTreeSet<&str> = body
            .lines()
            .filter_map(|line| line.strip_prefix("| ")?.split(" | ").next())
            .flat_map(|there| spans(there).into_iter().map(|(name, _)| name))
            .collect();
        let is_named = |name: &str| {
            named.iter().any(|there| *there == name || there.split(['.', '(']).next() == Some(name))
        };
        faults.extend(
            names.iter().filter(|name| !is_named(name)).map(|name| format!("{section}: `{name}`")),
        );
    }
    nothing_wrong(&faults);
}
