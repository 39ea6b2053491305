"""What {{ cookiecutter.project_slug }} is: the description that Baton finds it by.

It is imported whenever extensions are listed: nothing heavy belongs here.
"""

from __future__ import annotations

from baton.extension import Extension

extension = Extension(
    name="{{ cookiecutter.project_slug }}",
    summary="{{ cookiecutter.summary }}",
    service="{{ cookiecutter.__package }}.service:{{ cookiecutter.__prefix }}Service",
    api="{{ cookiecutter.__package }}.api:{{ cookiecutter.__prefix }}API",
    monitor="{{ cookiecutter.__package }}.monitor:{{ cookiecutter.__prefix }}Monitor",
    commands=("{{ cookiecutter.__short }}",),
)
