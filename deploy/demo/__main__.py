"""`python -m deploy.demo`, which bin/demo starts once everything is installed."""

import signal
import sys

from rich.console import Console

from deploy.demo import history
from deploy.demo.audit import audit
from deploy.demo.folder import claim
from deploy.demo.options import Options, parse
from deploy.demo.runner import Run
from deploy.demo.stack import INTERRUPTS, ChildDiedError, Stack
from deploy.errors import SetupError


def main() -> int:
    """Run the demo; 0 when told to stop or the check is exact, 1 when not, 2 for what to mend."""
    options = parse(sys.argv[1:])
    # Also where whoever started us ignores or blocks them, as shells do for background jobs.
    for number in INTERRUPTS:
        signal.signal(number, signal.default_int_handler)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, INTERRUPTS)
    console = Console(highlight=False, soft_wrap=True)
    try:
        with claim(options.folder, keep=options.keep), Stack() as stack:
            return _run(Run(options, stack, console), options)
    except KeyboardInterrupt:
        return 0
    except ChildDiedError as error:
        sys.stderr.write(f"bin/demo: {error}\n")
        return error.code
    except SetupError as error:
        sys.stderr.write(f"bin/demo: {error}\n")
        return 2


def _run(run: Run, options: Options) -> int:
    run.start_server()
    run.start_simulator()
    waiting = history.make(run)
    run.start_gateways()
    history.show_arrival(run, waiting)
    run.await_gateways()
    if options.check:
        return 0 if audit(run) else 1
    for gateway, port in run.local_pages.items():
        run.console.print(f"technician's page of {gateway}  http://127.0.0.1:{port}/")
    run.console.print(f"\nOpen {run.page.address} (data: {options.folder}). Ctrl-C stops it all.")
    run.serve()
    return 0


if __name__ == "__main__":
    sys.exit(main())
