try:
    from local.cli import main

    raise SystemExit(main())
except KeyboardInterrupt:  # while the imports above run
    raise SystemExit(130) from None
