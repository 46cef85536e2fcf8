//! The `fgctl` program. All of its code is in the library; see `fgctl::cli`.

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    fgctl::cli::main()
}
