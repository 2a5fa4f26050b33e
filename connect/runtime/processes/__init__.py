"""Plugins in processes of their own: what stands for them here, and what runs them there.

    worker                                             plugin's process
    stand_ins.py   classes like the plugin's own       child.py      the main loop
         │                                                  │
    process.py     one process: calls, end, faults     contexts.py   what its plugin is given
         └────────── frames.py, codec.py: what crosses ─────┘

The rest of the runtime sees ordinary plugin classes. `declarations.py` tells what a class is like, from there to here;
`apart.py` takes the plugins of a folder with requirements, whose virtual environment `environments.py` makes;
`placing.py` says which plugins run where, by the keys of `settings.py`; `guardian.py` ends what they have started and
left, once the worker is gone.

Elsewhere: calls on this side, with their deadlines (`connect.runtime.border`), which take a stand-in as any plugin.
"""
