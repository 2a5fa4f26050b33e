"""What Debezium's transforms made of cases of ours: `cases` makes them, Recorder.java asks Debezium's own classes.

The answers are in `vectors/debezium.jsonl`, in the form of FORMAT.md, made by Debezium 3.6.1.Final on Java 17:

    cd tests/conformance/debezium
    mvn -q dependency:copy-dependencies -DoutputDirectory=lib && javac -cp 'lib/*' Recorder.java
    python -m tests.conformance.debezium.cases | java -cp 'lib/*:.' Recorder > ../vectors/debezium.jsonl

Elsewhere: playing them (`tests.conformance.test_debezium`).
"""
