"""The command line without a window: ``train``, ``sample``, ``evaluate``, ``study``, ``info``, ``list``: each has ``main(arguments)``."""
