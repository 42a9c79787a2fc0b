"""Notes for each page and answer that it is being written."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from server.courtesy.answers import Answers


class GoesFirst:
    """ASGI middleware: what is asked with GET is being written until it begins to go out.

    What is sent here may take as long as its sender likes, and is not noted.
    """

    def __init__(self, app: ASGIApp, answers: Answers) -> None:
        self._app = app
        self._answers = answers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, noted as long as it is worked on."""
        if scope["type"] != "http" or scope["method"] != "GET":
            await self._app(scope, receive, send)
            return
        is_written = True

        def go_out() -> None:
            nonlocal is_written
            if is_written:
                is_written = False
                self._answers.end()

        async def send_noted(message: Message) -> None:
            go_out()
            await send(message)

        self._answers.begin()
        try:
            await self._app(scope, receive, send_noted)
        finally:
            go_out()
