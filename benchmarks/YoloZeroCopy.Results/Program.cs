using YoloZeroCopy.Results;

// What is done with result files: see Usage.
const string Usage = """
    results tables DOCUMENT FOLDER [--check]
        Writes the tables between the markers of DOCUMENT anew from the result files in FOLDER/cpu and FOLDER/gpu.
        --check: changes nothing, and ends with 1 where something would change.
    results compare OLD NEW [--other-machine]
        Names what became worse from one result file to the other, beyond the noise. Ends with 1 where something did, or is missing.
    2 is the end of what cannot be done.
    """;
const int Good = 0;
const int Bad = 1;
const int Wrong = 2;

try
{
    switch (args)
    {
        case ["tables", string document, string folder]:
            return Tables(document, folder, isCheck: false);
        case ["tables", string document, string folder, "--check"]:
            return Tables(document, folder, isCheck: true);
        case ["compare", string old, string current]:
            return Compare(old, current, otherMachine: false);
        case ["compare", string old, string current, "--other-machine"]:
            return Compare(old, current, otherMachine: true);
        default:
            Console.Error.WriteLine(Usage);
            return Wrong;
    }
}
catch (ResultException error)
{
    Console.Error.WriteLine(error.Message);
    return Wrong;
}

static int Tables(string document, string folder, bool isCheck)
{
    if (!File.Exists(document))
    {
        throw new ResultException($"There is no {document}.");
    }

    string before = File.ReadAllText(document);
    string after = TableDocument.Rewrite(before, TableList.All, new ResultFolder(folder));
    if (before == after)
    {
        return Good;
    }

    if (isCheck)
    {
        Console.Error.WriteLine($"The tables of {document} are not those of the files in {folder}: run `results tables {document} {folder}`.");
        return Bad;
    }

    File.WriteAllText(document, after);
    return Good;
}

static int Compare(string old, string current, bool otherMachine)
{
    Comparison comparison = Comparison.Of(ResultFile.Read(old), ResultFile.Read(current), otherMachine);
    Console.Write(comparison);
    return comparison.IsGood ? Good : Bad;
}
