"""Input functions: which files and settings a job takes."""

from dashsearch.features.registry import NETWORK_FAMILIES
from dashsearch.files import file_digest
from dashsearch.search.agents.settings import needs_embedded_model
from dashsearch.search.settings import WITHOUT_START


def get_data_set(wildcards):
    """A user's data set, as its adapter read it."""
    if wildcards.task not in DATA_SETS:
        raise WorkflowError(
            f"config: tasks.{wildcards.task}: {config['tasks'][wildcards.task]['folder']} has not "
            "been downloaded yet; run `snakemake download --cores 1` first."
        )
    return DATA_SETS[wildcards.task]


def is_embedded(wildcards):
    """Whether a task is rendered by us."""
    return config["tasks"][wildcards.task]["source"] == "embedded"


def get_tables(wildcards):
    """The annotation files of a task's data set: rendered by us, or where the user's are."""
    if is_embedded(wildcards):
        return f"results/{wildcards.task}/source/train.csv"
    return list(map(str, get_data_set(wildcards).tables))


def get_videos(wildcards):
    """The rendered videos, which have to exist first; a user's own are there already."""
    return f"results/{wildcards.task}/source/train" if is_embedded(wildcards) else []


def get_task(wildcards):
    """What the adapter has to know: an embedded task is laid out like Nexar's set."""
    if is_embedded(wildcards):
        return {"source": "nexar", "folder": f"results/{wildcards.task}/source"}
    return config["tasks"][wildcards.task]


def get_root(wildcards):
    """The folder that the paths in a task's manifest start from."""
    if is_embedded(wildcards):
        return f"results/{wildcards.task}/source"
    return str(get_data_set(wildcards).root)


def get_windows(wildcards):
    """The windows of a task: its own, or the campaign's."""
    return windows_of(wildcards.task)


def windows_of(task):
    """The windows of the task of this name."""
    return config["tasks"][task]["windows"] or config["windows"]


def get_tte_s(wildcards):
    """The times to event at which a task is scored, in seconds."""
    return get_windows(wildcards)["tte_s"]


def get_shards(pattern):
    """An input function: this file of every shard of a task's clips."""

    def get_files(wildcards):
        clips = (
            config["tasks"][wildcards.task]["clips"]
            if is_embedded(wildcards)
            else len(get_data_set(wildcards).records)
        )
        shards = range(-(-clips // config["clips_per_shard"]))
        return expand(
            f"results/{{task}}/{pattern}", shard=shards, **dict(wildcards.items())
        )

    return get_files


def get_training_threads(wildcards):
    """Processes of a round: many for many experiments, else several rounds run side by side."""
    experiments = config["arms"][wildcards.arm]["experiments_per_round"]
    return min(16, max(1, experiments // 32))


def get_training_priority(wildcards):
    """Chains that wait for models first, then what is long, so that no core waits at the end."""
    experiments = config["arms"][wildcards.arm]["experiments_per_round"]
    is_chain = wildcards.arm in AGENT_ARMS
    return CHAIN_PRIORITY if is_chain else min(CHAIN_PRIORITY - 1, experiments)


def get_transfer_threads(wildcards):
    """Processes of the transfer check, as of a round of as many experiments."""
    experiments = (
        config["transfer"]["top"] * config["transfer"]["seeds"] * len(BACKBONES)
    )
    return min(16, max(1, experiments // 32))


def get_round_files(name):
    """An input function: this file of every round of an arm."""

    def get_files(wildcards):
        return expand(
            "results/{task}/arms/{arm}/seed{seed}/round{round}/{name}.parquet",
            task=wildcards.task,
            arm=wildcards.arm,
            seed=wildcards.seed,
            round=range(config["arms"][wildcards.arm]["rounds"]),
            name=name,
        )

    return get_files


def get_round_checkpoints(wildcards):
    """The folders of checkpoints of every round of an arm."""
    return expand(
        "results/{task}/arms/{arm}/seed{seed}/round{round}/checkpoints",
        round=range(config["arms"][wildcards.arm]["rounds"]),
        **dict(wildcards.items()),
    )


def get_history(wildcards):
    """The validation results of all earlier rounds: everything that a proposal may know."""
    return expand(
        "results/{task}/arms/{arm}/seed{seed}/round{round}/validation.parquet",
        task=wildcards.task,
        arm=wildcards.arm,
        seed=wildcards.seed,
        round=range(int(wildcards.round)),
    )


def get_earlier_costs(wildcards):
    """What earlier rounds cost, for arms whose budget it can end; else nothing."""
    arm = config["arms"][wildcards.arm]
    if arm["budget_train_s"] is None and arm["budget_usd"] is None:
        return []
    return expand(
        "results/{task}/arms/{arm}/seed{seed}/round{round}/costs.parquet",
        task=wildcards.task,
        arm=wildcards.arm,
        seed=wildcards.seed,
        round=range(int(wildcards.round)),
    )


def get_earlier_calls(wildcards):
    """The calls of earlier rounds: what is left of an arm's budget."""
    return expand(
        "results/{task}/arms/{arm}/seed{seed}/round{round}/calls.parquet",
        round=range(int(wildcards.round)),
        **{name: wildcards[name] for name in ("task", "arm", "seed")},
    )


def get_embedded_model(wildcards):
    """The unpacked language model that comes with a package, for arms that ask it."""
    folder = f"results/models/{EMBEDDED_MODEL}"
    # A replay unpacks none. One that is there stays an input: its loss would remake the arm.
    may_ask = config["agents"]["mode"] != "replay" or Path(folder).exists()
    needed = needs_embedded_model(config["arms"][wildcards.arm]["agents"])
    return ancient(folder) if needed and may_ask else []


def get_arm_calls(wildcards):
    """The calls of every arm of language models of all tasks."""
    return [
        f"results/{task}/arms/{arm}/seed{seed}/calls.parquet"
        for task in config["tasks"]
        for arm in AGENT_ARMS
        for seed in config["arms"][arm]["seeds"]
    ]


def get_arm_files(name):
    """An input function: this file of every arm and seed of a task."""
    return lambda wildcards: arm_files(wildcards.task, name)


def arm_files(task, name):
    """This file of every arm and seed of a task."""
    if not IS_TRAINED:
        return [
            f"results/{task}/arms/{arm}/seeds{batch}/{name}.parquet"
            for arm, batches in BATCHES.items()
            for batch in batches
        ]
    return [
        f"results/{task}/arms/{arm}/seed{seed}/{name}.parquet"
        for arm, settings in config["arms"].items()
        for seed in settings["seeds"]
    ]


def get_all_ledgers(wildcards):
    """The ledgers of all tasks, one task after another with equally many."""
    return [path for task in config["tasks"] for path in arm_files(task, "ledger")]


def get_all_costs(wildcards):
    """What the arms of all tasks cost, in the order of `get_all_ledgers`."""
    return [path for task in config["tasks"] for path in arm_files(task, "costs")]


def idea_files(task):
    """The files of what agents had in mind, each behind its arm, seed and round."""
    return [
        (
            (arm, seed, round_),
            f"results/{task}/arms/{arm}/seed{seed}/round{round_}/ideas.jsonl",
        )
        for arm in AGENT_ARMS
        for seed in config["arms"][arm]["seeds"]
        for round_ in range(config["arms"][arm]["rounds"])
    ]


def get_all_ideas(wildcards):
    """What the agents of all tasks had in mind."""
    return [path for task in config["tasks"] for _, path in idea_files(task)]


def get_factorial_table(wildcards):
    """The table that a task's experiments are looked up in, if they are not trained."""
    return [] if IS_TRAINED else TABLES[wildcards.task]


def get_arms_of(policy):
    """The names of the arms that run a policy."""
    return [name for name, arm in config["arms"].items() if arm["policy"] == policy]


def get_policy_settings(wildcards):
    """The policy's own settings: those of the arm that are not its terms."""
    arm = config["arms"][wildcards.arm]
    settings = {name: value for name, value in arm.items() if name not in TERMS}
    if arm["policy"] == "own":
        settings["sha256"] = OWN_POLICIES[wildcards.arm]
    return settings


# What the estimators are told; the policies of a config say which arms are unbiased samples.
ANALYSIS_SETTINGS = dict(
    config["analysis"],
    seed=config["seed"],
    designed_arms=get_arms_of("designed"),
    uniform_arms=get_arms_of("random"),
)


def get_terms(wildcards):
    """Start and audits of an arm; a sample that is made as a whole has neither."""
    arm = config["arms"][wildcards.arm]
    start = 0 if arm["policy"] in WITHOUT_START else config["shared_start"]
    return {"shared_start": start, "audit_share": arm.get("audit_share", 0.0)}


def get_budget(wildcards):
    """What may end an arm before its last round."""
    arm = config["arms"][wildcards.arm]
    return {
        "train_s": arm["budget_train_s"],
        "usd": arm["budget_usd"],
        "usd_per_hour": config["training"]["usd_per_hour"],
    }


def get_own_files(wildcards):
    """The files of the user's that the config names and a bundle carries: no clips."""
    training, backbones = config["training"], config["features"]["backbones"]
    named = [config["space"], config["agents"]["prices"], *config["tables"].values()]
    own = [*training["encoders"].values(), *training["losses"].values()]
    own += [backbone["source"] for backbone in backbones.values()]
    own += [config["arms"][name]["source"] for name in OWN_POLICIES]
    named += [source.rpartition(":")[0] for source in own]
    # What comes with dashsearch is not in the working directory, or is where the Snakefile is.
    found = [
        path
        for path in dict.fromkeys(named)
        if Path(path).is_file()
        and not Path(path).resolve().is_relative_to(Path(HOME, "resources").resolve())
    ]
    for path in found:
        if Path(path).is_absolute() or ".." in Path(path).parts:
            raise WorkflowError(
                f"config: {path} lies outside the working directory, so a bundle cannot hold it "
                "where the config names it; copy it beside the config."
            )
    return found


def get_download(name):
    """An input function: one setting of a task's `download:`."""
    return lambda wildcards: config["tasks"][wildcards.task]["download"][name]


def get_backbones(wildcards):
    """The registry's entries that a job extracts: the entry, not the file with its prose."""
    return [REGISTRY.get(wildcards.backbone).identity()]


def get_network_setting(name):
    """An input function: a setting of `features` that only networks depend on, else None."""

    def get_setting(wildcards):
        is_network = REGISTRY.get(wildcards.backbone).family in NETWORK_FAMILIES
        return config["features"][name] if is_network else None

    return get_setting


def get_shard(wildcards):
    """The shard as a parameter: a cache of outputs does not look at wildcards."""
    return int(wildcards.shard)


def get_videos_state(wildcards):
    """What a user's own videos are now: a replaced or added file has to be seen."""
    return "" if is_embedded(wildcards) else get_data_set(wildcards).state()


def get_embedded(wildcards):
    """Scene, number of clips and seed of an embedded task."""
    task = config["tasks"][wildcards.task]
    return task["scene"], task["clips"], config["seed"]


def get_campaign_answers(wildcards):
    """What a campaign answered, if it has: no input, or an audit would start a campaign."""
    path = Path("results/audit/campaign.json")
    return {"path": str(path), "digest": file_digest(path)} if path.exists() else {}
