/* refused: comparison of integer expressions of different signedness */
bool below(int n, size_t limit)
{
    return n < limit;
}
