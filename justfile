# Lists what can be done.
default:
    @just --list

# Does it compile?
check:
    cargo check --workspace --all-targets

# All tests that need no installed agent.
test *ARGS:
    cargo nextest run --workspace {{ARGS}}

# The tests of one crate.
t CRATE *ARGS:
    cargo nextest run --package {{CRATE}} {{ARGS}}

# The slow parts too.
slow *ARGS:
    SKEP_SLOW=1 cargo nextest run --workspace {{ARGS}}

# What the compiler's friends say.
lint:
    cargo clippy --workspace --all-targets -- -D warnings

# The spelling of the code.
fmt:
    cargo fmt --all

# What may enter the house.
deny:
    cargo deny check bans licenses sources

# The pages made from the code.
doc:
    RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps

# The numbers, beside the floors of git and tmux.
bench *ARGS:
    cargo build --release --package skep && cargo build --release --package skep-host --example combine_bench && bench/run {{ARGS}}

# skep, as it is built now.
run *ARGS:
    cargo run --quiet --package skep -- {{ARGS}}
